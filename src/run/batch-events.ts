/**
 * Brings what is told of batches into order, with Spark's names: submitted, started, each output started and completed,
 * completed. Used by the embedding thread.
 *
 * It hears of batches from the coordinator and of outputs from the thread that runs them, and neither waits for the other;
 * either may die in between. What comes early is kept back, what never came is told with the batch's end, whose event has
 * it all.
 *
 * I1  Each event is told once for a batch, and an output's for each attempt that failed and the one that did not.
 * I2  Batches complete in order; of a completed one nothing more is told.
 */
import type { TaskEvent } from '../actors/task.ts';
import { fromWire } from '../errors.ts';
import type { BatchTimes, CoordinatorEvent } from '../supervision/coordinator.ts';

/** An output as events name it. */
export interface OutputLabel {
  /** Node id. */
  readonly output: number;
  /** `print#1`. */
  readonly name: string;
  /** `file:line:column` of the user's call. */
  readonly description: string;
}

export interface StreamInputInfo {
  readonly inputStreamId: number;
  readonly name: string;
  readonly numRecords: number;
}

/** An output of a batch. Times in ms since 1970. */
export interface OutputOperationInfo {
  readonly batchTime: number;
  /** Outputs count from 0, in the order in which they were made. */
  readonly id: number;
  readonly name: string;
  /** Where it was made: `file:line:column`. */
  readonly description: string;
  /** Missing when the batch failed before it. */
  readonly startTime?: number;
  readonly endTime?: number;
  readonly failureReason?: string;
}

/** A batch with Spark's names. Times in ms since 1970, delays in ms. */
export interface BatchInfo {
  readonly batchTime: number;
  readonly submissionTime: number;
  /** By number of the source, in the order in which they were made. */
  readonly streamIdToInputInfo: Readonly<Record<number, StreamInputInfo>>;
  readonly numRecords: number;
  /** Those that ran, in order. */
  readonly outputOperationInfos: readonly OutputOperationInfo[];
  readonly processingStartTime?: number;
  readonly processingEndTime?: number;
  readonly schedulingDelay?: number;
  readonly processingDelay?: number;
  readonly totalDelay?: number;
}

interface OfBatch extends BatchInfo {
  readonly barrier: number;
  /** Batch time, as all events call it. */
  readonly time: number;
  /** The event itself, for those who look for Spark's `batchInfo`. Not enumerable. */
  readonly batchInfo: BatchInfo;
}

export interface BatchSubmittedEvent extends OfBatch {
  readonly type: 'batchSubmitted';
}

export interface BatchStartedEvent extends OfBatch {
  readonly type: 'batchStarted';
  readonly processingStartTime: number;
  readonly schedulingDelay: number;
}

export interface BatchCompletedEvent extends OfBatch {
  readonly type: 'batchCompleted';
  readonly processingStartTime: number;
  readonly processingEndTime: number;
  readonly schedulingDelay: number;
  readonly processingDelay: number;
  readonly totalDelay: number;
  /** The same by names with units, and to fractions of a ms. */
  readonly records: number;
  readonly schedulingDelayMs: number;
  readonly processingMs: number;
  readonly totalDelayMs: number;
  /** Of a batch that was given up; `batchFailed` came before. */
  readonly failureReason?: string;
}

export interface OutputStartedEvent extends OutputOperationInfo {
  readonly type: 'outputStarted';
  readonly startTime: number;
  /** The event itself, for those who look for Spark's `outputOperationInfo`. Not enumerable. */
  readonly outputOperationInfo: OutputOperationInfo;
}

export interface OutputCompletedEvent extends OutputOperationInfo {
  readonly type: 'outputCompleted';
  readonly startTime: number;
  readonly endTime: number;
  readonly outputOperationInfo: OutputOperationInfo;
}

export type BatchEvent =
  | BatchSubmittedEvent
  | BatchStartedEvent
  | BatchCompletedEvent
  | OutputStartedEvent
  | OutputCompletedEvent;

type Of<T extends CoordinatorEvent['type']> = Extract<CoordinatorEvent, { readonly type: T }>;
type OutputTold = Extract<TaskEvent, { readonly type: 'outputStarted' | 'outputCompleted' }>;

/** A batch that is under way. */
interface Open {
  submitted: boolean;
  started: boolean;
  /** Told before the batch was said to have started. */
  early: OutputTold[];
  /** By node id: the newest attempt. */
  readonly infos: Map<number, OutputOperationInfo>;
}

export interface BatchEventsOptions {
  /** In order of registration. */
  readonly outputs: readonly OutputLabel[];
  /** Names of the sources, in the order of their numbers. */
  readonly sources: readonly string[];
  readonly emit: (event: BatchEvent) => void;
}

export class BatchEvents {
  readonly #options: BatchEventsOptions;
  readonly #open = new Map<number, Open>();
  #completed = 0;

  constructor(options: BatchEventsOptions) {
    this.#options = options;
  }

  submitted({ barrier, time, submissionTime }: Of<'batchSubmitted'>): void {
    if (barrier <= this.#completed) return;
    const open = this.#at(barrier);
    if (open.submitted) return;
    open.submitted = true;
    const info = this.#info(time, { submissionTime });
    this.#options.emit(
      withSelf<BatchSubmittedEvent>({ type: 'batchSubmitted', barrier, ...info }, 'batchInfo'),
    );
  }

  started(event: Of<'batchStarted'> | Of<'batchCompleted'> | Of<'batchFailed'>): void {
    const { barrier, time, submissionTime, processingStartTime } = event;
    if (barrier <= this.#completed) return;
    this.submitted({ type: 'batchSubmitted', barrier, time, submissionTime });
    const open = this.#at(barrier);
    if (open.started) return;
    open.started = true;
    this.#options.emit(
      withSelf<BatchStartedEvent>(
        {
          type: 'batchStarted',
          barrier,
          ...this.#info(time, event),
          processingStartTime,
          schedulingDelay: processingStartTime - submissionTime,
        },
        'batchInfo',
      ),
    );
    for (const early of open.early.splice(0)) this.output(early);
  }

  /** An output has started or ended. */
  output(told: OutputTold): void {
    if (told.barrier <= this.#completed) return;
    const open = this.#at(told.barrier);
    if (!open.started) {
      open.early.push(told);
      return;
    }
    const before = open.infos.get(told.output);
    // A recovery runs what has run before: that is no news.
    if (before?.endTime !== undefined && before.failureReason === undefined) return;
    const { startTime } = told;
    if (told.type === 'outputStarted') {
      this.#tellOutput(open, told.output, { ...this.#label(told.output, told.time), startTime });
      return;
    }
    const { endTime, failureReason } = told;
    this.#tellOutput(open, told.output, {
      ...this.#label(told.output, told.time),
      startTime,
      endTime,
      ...(failureReason === undefined ? {} : { failureReason }),
    });
  }

  completed(event: Of<'batchCompleted'>): void {
    const { barrier } = event;
    if (barrier <= this.#completed) return;
    this.#end(event);
    const { records, schedulingDelayMs, processingMs, totalDelayMs } = event;
    this.#close(event, { records, schedulingDelayMs, processingMs, totalDelayMs });
  }

  /** A batch was given up. */
  failed(event: Of<'batchFailed'>): void {
    const { barrier, submissionTime, processingStartTime, processingEndTime, inputs } = event;
    if (barrier <= this.#completed) return;
    this.#end(event);
    const open = this.#at(barrier);
    const failureReason = fromWire(event.error).message;
    // What fails before the outputs, fails all of them.
    if (![...open.infos.values()].some((info) => info.failureReason !== undefined)) {
      for (const { output } of this.#options.outputs) {
        if (open.infos.get(output)?.endTime === undefined)
          open.infos.set(output, { ...this.#label(output, event.time), failureReason });
      }
    }
    this.#close(event, {
      records: inputs.reduce((total, count) => total + count, 0),
      schedulingDelayMs: processingStartTime - submissionTime,
      processingMs: processingEndTime - processingStartTime,
      totalDelayMs: processingEndTime - submissionTime,
      failureReason,
    });
  }

  /** Whatever should have been told before the end is told now. */
  #end(event: Of<'batchCompleted'> | Of<'batchFailed'>): void {
    const { barrier, time } = event;
    this.started(event);
    for (const { output, startTime, endTime } of event.outputs) {
      const told = { output, barrier, time, startTime };
      if (this.#at(barrier).infos.get(output) === undefined)
        this.output({ type: 'outputStarted', ...told });
      this.output({ type: 'outputCompleted', ...told, endTime });
    }
  }

  #close(
    event: Of<'batchCompleted'> | Of<'batchFailed'>,
    own: Pick<
      BatchCompletedEvent,
      'records' | 'schedulingDelayMs' | 'processingMs' | 'totalDelayMs' | 'failureReason'
    >,
  ): void {
    const { barrier, time, submissionTime, processingStartTime, processingEndTime } = event;
    const { infos } = this.#at(barrier);
    this.#completed = barrier;
    for (const each of this.#open.keys()) if (each <= barrier) this.#open.delete(each);
    this.#options.emit(
      withSelf<BatchCompletedEvent>(
        {
          type: 'batchCompleted',
          barrier,
          ...this.#info(time, event),
          outputOperationInfos: [...infos.values()].sort((a, b) => a.id - b.id),
          processingStartTime,
          processingEndTime,
          schedulingDelay: processingStartTime - submissionTime,
          processingDelay: processingEndTime - processingStartTime,
          totalDelay: processingEndTime - submissionTime,
          ...own,
        },
        'batchInfo',
      ),
    );
  }

  #tellOutput(open: Open, output: number, info: OutputOperationInfo): void {
    open.infos.set(output, info);
    const type = info.endTime === undefined ? 'outputStarted' : 'outputCompleted';
    this.#options.emit(
      withSelf<OutputStartedEvent | OutputCompletedEvent>(
        { type, ...info } as OutputStartedEvent | OutputCompletedEvent,
        'outputOperationInfo',
      ),
    );
  }

  #label(output: number, batchTime: number): OutputOperationInfo {
    const id = this.#options.outputs.findIndex((each) => each.output === output);
    const { name, description } = this.#options.outputs[id]!;
    return { batchTime, id, name, description };
  }

  #info(
    time: number,
    { submissionTime, inputs = [] }: Partial<BatchTimes> & Pick<BatchTimes, 'submissionTime'>,
  ): BatchInfo & { readonly time: number } {
    return {
      time,
      batchTime: time,
      submissionTime,
      streamIdToInputInfo: Object.fromEntries(
        inputs.map((numRecords, id) => [
          id,
          { inputStreamId: id, name: this.#options.sources[id] ?? '', numRecords },
        ]),
      ),
      numRecords: inputs.reduce((total, count) => total + count, 0),
      outputOperationInfos: [],
    };
  }

  #at(barrier: number): Open {
    let open = this.#open.get(barrier);
    if (open === undefined)
      this.#open.set(
        barrier,
        (open = { submitted: false, started: false, early: [], infos: new Map() }),
      );
    return open;
  }
}

/** An event that is also found under the name that Spark gives to what it holds. */
function withSelf<E extends BatchEvent>(
  event: Omit<E, 'batchInfo' | 'outputOperationInfo'>,
  name: 'batchInfo' | 'outputOperationInfo',
): E {
  return Object.defineProperty(event, name, { value: event }) as E;
}
