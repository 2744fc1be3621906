/**
 * Which tasks are careful, and which records have killed them how often. Belongs to the coordinator, which acts on the
 * verdicts. What was decided is in the held point, so it outlives the coordinator; what was counted does not.
 *
 *   a task fails with a block in hand ──▶ careful: it takes records one by one until that part of the stream is held
 *   it fails with a record in hand ─────▶ counted, by task and record; the third time is a verdict
 *
 * I1  The failure that makes a task careful is not counted: nobody knows its record.
 * I2  Each decision takes out one occurrence, in the part of the stream up to its `until`, and is done with when a
 *     recovery point behind that occurrence is held.
 * I3  Failures that are blamed on records are bounded: three for each of `maxPoisonPerMin` in a minute.
 */
import type { RecordInHand } from '../actors/in-hand.ts';
import type { TaskStart } from '../actors/messages.ts';
import { RestartIntensity } from './intensity.ts';

/** So many failures with the same record in hand make it poison. */
export const POISON_ATTEMPTS = 3;
const MINUTE_MS = 60_000;

/** A record that is passed over, as it stands in the held point. */
export interface PoisonDecision {
  /** Counts up from 1, over the life of the job. */
  readonly number: number;
  readonly task: number;
  readonly hash: string;
  /** The record, as text. */
  readonly record: string;
  readonly attempts: number;
  /** What the last failure was. */
  readonly lastError: string;
  /** The occurrence lies before this barrier. */
  readonly until: number;
}

export type PoisonVerdict = 'again' | 'poison' | 'tooMany';

interface Careful {
  until: number;
  /** Takes back that the failure that made it careful was counted as another kind of failure. */
  forgive: (() => void) | undefined;
}

export class PoisonLedger {
  readonly #careful = new Map<number, Careful>();
  /** By task and record. */
  readonly #counts = new Map<string, number>();
  readonly #blamed: RestartIntensity;

  constructor(maxPoisonPerMin: number) {
    this.#blamed = new RestartIntensity({
      maxRestarts: POISON_ATTEMPTS * maxPoisonPerMin,
      withinMs: MINUTE_MS,
    });
  }

  /** A task failed with a block in hand, or with who knows what. `forgive` is called when a record turns out to be guilty. */
  suspect(task: number, until: number, forgive?: () => void): void {
    const before = this.#careful.get(task);
    this.#careful.set(task, { until: Math.max(until, before?.until ?? 0), forgive });
  }

  /** A careful task failed with this record in hand. */
  blame(task: number, record: RecordInHand, now: number): PoisonVerdict {
    const careful = this.#careful.get(task);
    careful?.forgive?.();
    if (careful !== undefined) careful.forgive = undefined;
    if (this.#blamed.record(now) === 'exceeded') return 'tooMany';
    const key = `${task} ${record.hash}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count < POISON_ATTEMPTS) {
      this.#counts.set(key, count);
      return 'again';
    }
    this.#counts.delete(key);
    return 'poison';
  }

  /** How a task is to be careful in the next epoch. */
  carefulOf(task: number, decisions: readonly PoisonDecision[]): TaskStart['careful'] {
    const own = decisions.filter((decision) => decision.task === task);
    const until = Math.max(
      this.#careful.get(task)?.until ?? 0,
      ...own.map((decision) => decision.until),
    );
    return until === 0 ? undefined : { until, passOver: own.map(({ hash }) => hash) };
  }

  /** A recovery point is held. Gives the decisions that are still to be carried out. */
  held(
    barrier: number,
    decisions: readonly PoisonDecision[],
    passed: (task: number) => readonly string[],
  ): readonly PoisonDecision[] {
    for (const [task, { until }] of this.#careful) {
      if (until > barrier) continue;
      this.#careful.delete(task);
      for (const key of this.#counts.keys())
        if (key.startsWith(`${task} `)) this.#counts.delete(key);
    }
    if (decisions.length === 0) return decisions;
    const done = new Map<number, string[]>();
    return decisions.filter(({ task, hash, until }) => {
      let hashes = done.get(task);
      if (hashes === undefined) done.set(task, (hashes = [...passed(task)]));
      const at = hashes.indexOf(hash);
      if (at >= 0) hashes.splice(at, 1);
      return at < 0 && until > barrier;
    });
  }
}
