/**
 * What is said of batches: submitted, started, completed or failed, with their times and what came in. Belongs to the
 * coordinator.
 *
 * I1  A batch is reported once: one that a recovery runs again is recognised by its barrier number.
 * I2  A record is counted where it comes in, and once: what is read again is counted from what was held.
 */
import type { Barrier } from '../actors/block.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Clock } from '../env/env.ts';
import { millraceError, toWire, type WireError } from '../errors.ts';
import type { BarrierEntry, BarrierLedger } from './barrier-ledger.ts';
import type { BatchTimes, CoordinatorEvent } from './coordinator-words.ts';
import type { PointDetails } from './held-state.ts';
import type { HeldPoint } from './held-index.ts';
import { InputCounts } from './input-counts.ts';
import type { JobMemory } from './job-memory.ts';

export interface BatchReportsOptions {
  readonly wiring: Wiring;
  readonly memory: JobMemory;
  readonly ledger: BarrierLedger;
  readonly clock: Clock;
  readonly emit: (event: CoordinatorEvent) => void;
  /** A batch is through for the first time, so long after its end. */
  readonly completed: (barrier: Barrier, tookMs: number) => void;
}

export class BatchReports {
  /** Batches that were given up, by the batch barrier before them: what they failed with. */
  readonly failed: Map<number, WireError> = new Map();
  lastBatchHeld = 0;
  readonly #options: BatchReportsOptions;
  readonly #inputs: InputCounts;
  /** Since the last batch. */
  #records = 0;
  /** Newest batch of which it was said that it has started. */
  #started = 0;
  /** Newest batch that was reported. */
  #reported = 0;

  constructor(options: BatchReportsOptions) {
    this.#options = options;
    this.#inputs = new InputCounts(options.wiring);
  }

  /** Goes on for a coordinator that died. */
  takeOver(point: HeldPoint): void {
    this.#reported = this.#started = point.batchStart;
    for (const start of point.skip) this.failed.set(start, toWire(givenUpBefore()));
    this.restore(point);
  }

  /** A recovery goes back to that point. */
  restore({ batchStart, records, inputs }: HeldPoint): void {
    this.lastBatchHeld = batchStart;
    this.#records = records;
    this.#inputs.restore(inputs);
  }

  /** A barrier is held. */
  add(entry: BarrierEntry): void {
    this.#records += recordsIn(entry);
    this.#inputs.add(entry.taken.values());
  }

  /** What is kept of it with a recovery point, before the barrier is added. */
  held(barrier: Barrier, entry: BarrierEntry): Omit<PointDetails, 'poison'> {
    return barrier.batch
      ? { batchStart: barrier.number, records: 0 }
      : {
          batchStart: this.lastBatchHeld,
          records: this.#records + recordsIn(entry),
          inputs: this.#inputs.withOpen([entry], true),
        };
  }

  submitted(barrier: Barrier): void {
    const { emit, clock } = this.#options;
    emit({
      type: 'batchSubmitted',
      barrier: barrier.number,
      time: barrier.time,
      submissionTime: this.#wallTime(clock.monotonic()),
    });
  }

  /** A task has taken a barrier. When the batch is read the outputs will run: that is what Spark calls its start. */
  taken(number: number, held: BarrierEntry | undefined): void {
    const { memory, clock, emit, ledger } = this.#options;
    if (number <= this.#started || !memory.cut(number).batch) return;
    if (held === undefined && !this.#inputs.areIn((task) => ledger.has(number, task))) return;
    this.#started = number;
    let before = number - 1;
    while (before > this.lastBatchHeld && !memory.cut(before).batch) before--;
    const open = [...ledger.between(before, number), ...(held === undefined ? [] : [held])];
    emit({
      type: 'batchStarted',
      barrier: number,
      time: memory.cut(number).time,
      submissionTime: this.#wallTime(memory.cutAt(number)),
      processingStartTime: this.#wallTime(clock.monotonic()),
      // While the batch before is open, what is held is of that one.
      inputs: this.#inputs.withOpen(open, before <= this.lastBatchHeld),
    });
  }

  /** A batch barrier is held. */
  complete(barrier: Barrier, entry: BarrierEntry): void {
    const { clock, emit, memory, completed } = this.#options;
    const records = this.#records;
    this.#records = 0;
    const inputs = this.#inputs.take();
    this.lastBatchHeld = barrier.number;
    const now = clock.monotonic();
    const cutAt = memory.cutAt(barrier.number);
    if (barrier.number <= this.#reported) return;
    completed(barrier, now - cutAt);
    this.#reported = barrier.number;
    for (const [start, error] of this.failed) {
      if (start < barrier.number) {
        this.failed.delete(start);
        emit({
          type: 'batchFailed',
          barrier: barrier.number,
          time: barrier.time,
          error,
          ...this.#times(entry, inputs),
        });
        return;
      }
    }
    emit({
      type: 'batchCompleted',
      barrier: barrier.number,
      time: barrier.time,
      records,
      schedulingDelayMs: entry.firstTakenAt - cutAt,
      processingMs: now - entry.firstTakenAt,
      totalDelayMs: now - cutAt,
      ...this.#times(entry, inputs),
    });
  }

  #times(entry: BarrierEntry, inputs: readonly number[]): BatchTimes {
    const { memory, clock } = this.#options;
    return {
      submissionTime: this.#wallTime(memory.cutAt(entry.number)),
      processingStartTime: this.#wallTime(entry.firstTakenAt),
      processingEndTime: this.#wallTime(clock.monotonic()),
      inputs,
      outputs: [...entry.taken.values()].flatMap((taken) => taken.outputs ?? []),
    };
  }

  /** Whole ms, as `Date.now()` gives them. */
  #wallTime(monotonicMs: number): number {
    const { clock } = this.#options;
    return Math.round(clock.now() - (clock.monotonic() - monotonicMs));
  }
}

/** A record is counted where it comes in: by the tasks that read sources. */
function recordsIn({ taken }: BarrierEntry): number {
  let records = 0;
  for (const each of taken.values()) if (each.offsets.length > 0) records += each.records;
  return records;
}

/** Of a batch that is skipped: what it failed with was known to a coordinator that died. */
function givenUpBefore(): Error {
  return millraceError(
    'ERR_MILLRACE_USER_FUNCTION',
    'the batch failed at each attempt and was given up; the coordinator that knew its error has died',
  );
}
