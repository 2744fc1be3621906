/**
 * What users write: stages, as functions or classes, and what these are given. A stage lives in one task and is called by
 * its thread only, one record after another.
 */

/** Sends records on. What it sends leaves at once when nothing else waits, and in large blocks under load. */
export interface Emitter<T> {
  /** Sends a record to all stages that read this output. */
  emit(record: T): void;
  /**
   * Sends a record to one instance, counted from 0, of the stages that read this output by `direct()`.
   * @throws RangeError when there is no such instance
   */
  emitTo(instance: number, record: T): void;
}

/** The default output of a stage, and the way to its others. */
export interface StageOutputs<T> extends Emitter<T> {
  /**
   * The output of that name.
   * @throws ERR_MILLRACE_UNKNOWN_OUTPUT when the stage has none
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  to<U = any>(output: string): Emitter<U>;
}

/** What a stage may know and ask for. */
export interface StageContext {
  /** Its name in the topology. */
  readonly stage: string;
  /** Which instance this is, from 0. */
  readonly instance: number;
  readonly parallelism: number;
  /** Time of the job's clock in ms since 1970. */
  now(): number;
  /**
   * Calls `onTimer` once, `ms` from now, with `payload`: plain data, since it is handed over with the state. Timers are
   * called in the order of their time.
   */
  timer(ms: number, payload?: unknown): void;
  /** Adds to a counter of the run (`run.metrics().counted`). */
  count(what: string, by?: number): void;
  /**
   * Says that the record in hand was not worked off. With `'at-least-once'` its source's record is sent again, at once;
   * with the other guarantees it is counted as `failed` and gone.
   */
  fail(): void;
  /**
   * Of `'at-least-once'`: the record in hand is not worked off when `process` returns, but when the answer says so.
   * With the other guarantees the answer means nothing.
   */
  defer(): Answer;
}

/** The fate of a record that was put off. The first word counts. */
export interface Answer {
  ack(): void;
  fail(): void;
}

export type StageFunction<In, Out> = (
  record: In,
  out: StageOutputs<Out>,
  ctx: StageContext,
) => void;

/** A stage with state. Only `process` must be there. None of them may be async. */
export interface Stage<In, Out> {
  /** Before the first record, also after each recovery, before `restore`. */
  open?(ctx: StageContext): void;
  process(record: In, out: StageOutputs<Out>, ctx: StageContext): void;
  onTimer?(payload: unknown, out: StageOutputs<Out>, ctx: StageContext): void;
  /** At each recovery point: all that the stage needs to go on from here. Timers are kept by themselves. */
  snapshot?(): unknown;
  /** After a recovery: what `snapshot` gave at the newest recovery point that counts. */
  restore?(state: unknown): void;
  /** The task ends or is replaced. */
  close?(): void;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type StageClass<In, Out> = new () => Stage<In, Out>;

/** Stages that are classes are told from functions by their `process`. */
export function makeStage(of: unknown): Stage<unknown, unknown> {
  const given = of as StageFunction<unknown, unknown> | StageClass<unknown, unknown>;
  return isStageClass(given) ? new given() : { process: given };
}

export function isStageClass(given: unknown): given is StageClass<unknown, unknown> {
  return (
    typeof given === 'function' &&
    typeof (given.prototype as Partial<Stage<unknown, unknown>> | undefined)?.process === 'function'
  );
}
