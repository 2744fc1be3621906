/** Millrace: streams as supervised actors on all cores of one Node process. */
export { MillraceError, type ErrorCode } from './errors.ts';
export { job, type Job, type JobOptions } from './dstream/job.ts';
export { DStream } from './dstream/dstream.ts';
export { Batch } from './dstream/batch.ts';
export { sum, count } from './dstream/reducers.ts';
export type { Duration } from './dstream/duration.ts';
export { run } from './run/run.ts';
export { StreamingContext, type StreamingContextOptions } from './run/streaming-context.ts';
export { Run, type CollectedBatch, type RunEvent, type RunMetrics, type RunState, type StopOptions, type StopReport } from './run/running.ts';
export type { RunOptions, SupervisionOptions } from './run/options.ts';
export type { KillWay, ThreadInfo } from './run/engine.ts';
