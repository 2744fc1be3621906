/**
 * What failures of a region come to: a recovery, or the end of the job. Counts deaths against the region, throws against
 * their batch, and leaves records that are to blame to `poison-decisions.ts`. Belongs to the coordinator.
 *
 * I1  A thread's death counts once, whoever tells of it first; a task's throw counts against its batch.
 */
import type { RecordInHand } from '../actors/in-hand.ts';
import type { FromWorker } from '../actors/messages.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Clock } from '../env/env.ts';
import { fromWire, millraceError, type WireError } from '../errors.ts';
import type { BatchReports } from './batch-reports.ts';
import type { CoordinatorPolicy, DiedWith } from './coordinator-words.ts';
import type { HeldState } from './held-state.ts';
import { RestartIntensity } from './intensity.ts';
import type { PoisonDecisions } from './poison-decisions.ts';
import { UNKNOWN_CAUSE, UnnamedDeaths } from './unnamed-deaths.ts';

export interface FailuresOptions {
  readonly policy: CoordinatorPolicy;
  readonly wiring: Wiring;
  readonly clock: Clock;
  readonly poison: PoisonDecisions;
  readonly reports: BatchReports;
  readonly held: HeldState;
  readonly diedWith: ((slot: number) => DiedWith | undefined) | undefined;
  /** @param sinceMs when it failed, if that is a while ago */
  readonly recover: (cause: string, error?: WireError, sinceMs?: number) => void;
  readonly fail: (error: unknown) => void;
  /** The job is: nothing is to be done any more. */
  readonly isOver: () => boolean;
  /** The next run will get further than this one. */
  readonly progressed: () => void;
  /** The first barrier that a task has not taken. */
  readonly untaken: (task: number) => number;
  /** Time of the batch that begins behind a barrier. */
  readonly timeOfBatch: (start: number) => number;
}

export class Failures {
  readonly #options: FailuresOptions;
  readonly #intensity: RestartIntensity;
  /** The one too many, and those that a record may be to blame for. */
  readonly #unnamed: UnnamedDeaths;
  /** By the batch barrier before the batch. */
  readonly #attempts = new Map<number, number>();

  constructor(options: FailuresOptions) {
    this.#options = options;
    const { maxRestarts, withinMs } = options.policy;
    this.#intensity = new RestartIntensity({ maxRestarts, withinMs });
    this.#unnamed = new UnnamedDeaths(options.clock);
  }

  /** Somebody says what a thread died of. True: that was waited for. */
  named(slot: number, cause: string, wasOrdered: boolean): boolean {
    return this.#unnamed.named(slot, cause, wasOrdered);
  }

  /** @param at the logical worker */
  workerDown(slot: number, at: number, cause: string, wasOrdered: boolean): void {
    const diedWith = this.#options.diedWith?.(slot);
    const atMs = this.#options.clock.monotonic();
    if (diedWith === undefined) this.#workerDied(slot, at, atMs, cause);
    // A record may be to blame, or somebody who killed it: that decides how its successor begins.
    else if (cause === UNKNOWN_CAUSE)
      this.#unnamed.wait(slot, (why, ordered) =>
        this.#workerDied(slot, at, atMs, why, ordered ? undefined : diedWith),
      );
    else this.#workerDied(slot, at, atMs, cause, wasOrdered ? undefined : diedWith);
  }

  taskFailed(message: Extract<FromWorker, { type: 'failed' }>): void {
    const { policy, wiring, reports, held, recover, fail, timeOfBatch } = this.#options;
    const { batchStart } = message;
    const error = atBatch(message.error, timeOfBatch(batchStart));
    const cause = `task ${wiring.tasks[message.task]?.name ?? message.task} threw`;
    if (policy.onPoison === 'quarantine' && typeof message.inHand === 'object') {
      if (this.#blame(message.task, message.inHand, textOf(error)) !== 'failed')
        recover(cause, error);
      return;
    }
    const attempts = (this.#attempts.get(batchStart) ?? 0) + 1;
    this.#attempts.set(batchStart, attempts);
    if (policy.onPoison === 'quarantine' && message.inHand !== undefined) {
      this.#suspect(message.task, () =>
        this.#attempts.set(batchStart, (this.#attempts.get(batchStart) ?? 1) - 1),
      );
    }
    if (attempts >= policy.maxBatchFailures) {
      if (policy.onBatchError === 'fail' || reports.failed.has(batchStart)) {
        fail(fromWire(error));
        return;
      }
      // The empty run gets as many attempts: what fails it need not be the batch.
      this.#attempts.delete(batchStart);
      reports.failed.set(batchStart, error);
      held.skip(batchStart);
    }
    recover(cause, error);
  }

  /** Batches up to that barrier are through. */
  forget(barrier: number): void {
    for (const start of this.#attempts.keys()) if (start < barrier) this.#attempts.delete(start);
  }

  stop(): void {
    this.#unnamed.stop();
  }

  #workerDied(slot: number, at: number, atMs: number, cause: string, diedWith?: DiedWith): void {
    const { policy, recover, isOver } = this.#options;
    const { maxRestarts, withinMs, onPoison } = policy;
    if (isOver()) return;
    if (diedWith?.record !== undefined) {
      const { task, record } = diedWith;
      if (this.#blame(task, record, cause) === 'failed') return;
      if (onPoison === 'quarantine') {
        recover(`worker ${at}: ${cause}`, undefined, atMs);
        return;
      }
    }
    const isExceeded = this.#intensity.record(atMs) === 'exceeded';
    if (diedWith !== undefined && diedWith.record === undefined) {
      this.#suspect(
        diedWith.task,
        onPoison === 'quarantine' ? () => this.#intensity.forgive() : undefined,
      );
    }
    if (isExceeded) {
      const record = diedWith?.record?.text;
      const inHand = record === undefined ? '' : `; record in hand: ${record}`;
      const fail = (why: string): void => {
        this.#options.fail(
          millraceError(
            'ERR_MILLRACE_REACHED_MAX_RESTARTS',
            `worker ${at} died (${why}) and the region has used its ${maxRestarts} restarts in ${withinMs} ms${inHand}`,
            { context: { worker: at, cause: why, ...(record === undefined ? {} : { record }) } },
          ),
        );
      };
      // It is the last word, so what its thread died of is worth a moment.
      if (cause !== UNKNOWN_CAUSE) fail(cause);
      else this.#unnamed.wait(slot, fail);
      return;
    }
    recover(`worker ${at}: ${cause}`, undefined, atMs);
  }

  /** What it had in hand lies before the first barrier that it hasn't taken. */
  #suspect(task: number, forgive?: () => void): void {
    this.#options.poison.suspect(task, this.#options.untaken(task), forgive);
  }

  #blame(task: number, record: RecordInHand, cause: string): 'failed' | 'again' {
    const { poison, fail, progressed } = this.#options;
    const verdict = poison.blame(task, record, cause);
    if (verdict instanceof Error) {
      fail(verdict);
      return 'failed';
    }
    if (verdict === 'decided') progressed();
    return 'again';
  }
}

function textOf(error: WireError): string {
  if (error.kind === 'value') return String(error.value);
  return error.millrace === undefined ? `${error.name}: ${error.message}` : error.message;
}

/** What threw inside an open batch doesn't know the batch's time. */
function atBatch(error: WireError, time: number): WireError {
  if (error.kind !== 'error' || error.millrace === undefined) return error;
  const { retryable, context } = error.millrace;
  return { ...error, millrace: { retryable, context: { batchId: time, ...context } } };
}
