/**
 * What is decided about records that kill their tasks: to fail the job, or to pass the record over, which is told of.
 * Belongs to the coordinator; `poison.ts` counts.
 *
 * I1  That a record is passed over is in the index file, and durable, before anybody is told, and before any task is.
 */
import type { RecordInHand } from '../actors/in-hand.ts';
import type { TaskStart } from '../actors/messages.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Clock } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import type { BarrierEntry } from './barrier-ledger.ts';
import type { CoordinatorEvent, CoordinatorPolicy } from './coordinator-words.ts';
import type { PointDetails, HeldState } from './held-state.ts';
import type { JobMemory } from './job-memory.ts';
import { POISON_ATTEMPTS, PoisonLedger, type PoisonDecision } from './poison.ts';

const MAX_POISON_PER_MIN = 10;

export interface PoisonDecisionsOptions {
  readonly policy: Pick<CoordinatorPolicy, 'onPoison' | 'maxPoisonPerMin'>;
  readonly wiring: Wiring;
  readonly held: HeldState;
  readonly memory: JobMemory;
  readonly clock: Clock;
  readonly emit: (event: CoordinatorEvent) => void;
}

export class PoisonDecisions {
  readonly #options: PoisonDecisionsOptions;
  readonly #ledger: PoisonLedger;

  constructor(options: PoisonDecisionsOptions) {
    this.#options = options;
    this.#ledger = new PoisonLedger(options.policy.maxPoisonPerMin ?? MAX_POISON_PER_MIN);
  }

  /** A task failed with a block in hand that lies before barrier `until`: its successor is careful. */
  suspect(task: number, until: number, forgive?: () => void): void {
    this.#ledger.suspect(task, until, forgive);
  }

  carefulOf(task: number): TaskStart['careful'] {
    return this.#ledger.carefulOf(task, this.#options.held.point.poison?.open ?? []);
  }

  /** A record was in hand: an error for which the job fails, or whether it was decided to pass it over. */
  blame(task: number, record: RecordInHand, cause: string): Error | 'again' | 'decided' {
    const { policy, wiring, held, memory, clock } = this.#options;
    const verdict = this.#ledger.blame(task, record, clock.monotonic());
    if (verdict === 'again') return 'again';
    const { name } = wiring.tasks[task]!;
    if (verdict === 'tooMany') {
      const { maxPoisonPerMin = MAX_POISON_PER_MIN } = policy;
      return millraceError(
        'ERR_MILLRACE_POISON',
        `records have killed tasks more than ${POISON_ATTEMPTS} × ${maxPoisonPerMin} times in a minute (maxPoisonPerMin). The last one: ${record.text} (${cause}).`,
        { context: { operator: name, record: record.text, cause } },
      );
    }
    if (policy.onPoison !== 'quarantine') {
      return millraceError(
        'ERR_MILLRACE_POISON',
        `a record kills task ${name} each time: ${cause}; record: ${record.text}`,
        { context: { operator: name, record: record.text, cause, attempts: POISON_ATTEMPTS } },
      );
    }
    const { decided, open } = held.point.poison ?? { decided: 0, open: [] };
    const decision: PoisonDecision = {
      number: decided + 1,
      task,
      hash: record.hash,
      record: record.text,
      attempts: POISON_ATTEMPTS,
      lastError: cause,
      until: this.#ledger.carefulOf(task, open)?.until ?? memory.lastCut + 1,
    };
    held.passOver({ decided: decided + 1, open: [...open, decision] }, () => this.#tell(decision));
    return 'decided';
  }

  /** A recovery point is held: what is still to be passed over behind it. */
  held(number: number, { taken }: BarrierEntry): Pick<PointDetails, 'poison'> {
    const { decided = 0, open = [] } = this.#options.held.point.poison ?? {};
    const left = this.#ledger.held(number, open, (task) => taken.get(task)!.passed ?? []);
    return decided === 0 ? {} : { poison: { decided, open: left } };
  }

  /** Goes on for a coordinator that died, which may not have said so. */
  takeOver(): void {
    for (const decision of this.#options.held.point.poison?.open ?? []) this.#tell(decision);
  }

  #tell({ number, task, record, attempts, lastError }: PoisonDecision): void {
    const { emit, wiring } = this.#options;
    emit({
      type: 'deadLetter',
      reason: 'poison',
      number,
      record,
      task: wiring.tasks[task]!.name,
      attempts,
      lastError,
    });
  }
}
