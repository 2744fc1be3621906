/** Millrace: streams as supervised actors on all cores of one Node process. */
export { MillraceError, type ErrorCode } from './errors.ts';
export { job, type Job, type JobOptions } from './dstream/job.ts';
export { DStream, MapWithStateStream } from './dstream/dstream.ts';
export type {
  KeyedStateOptions,
  MapWithStateOptions,
  StateStore,
  UpdateStateOptions,
} from './dstream/state/build.ts';
export type { State } from './dstream/state/state-handle.ts';
export type { UpdateInfo } from './dstream/state/update-state.ts';
export { Batch } from './dstream/batch.ts';
export type { SampleOptions, SortOptions } from './dstream/batch/record-operators.ts';
export type { Partitioner, Partitions } from './dstream/partitioner.ts';
export { sum, count } from './dstream/reducers.ts';
export type { Duration } from './dstream/duration.ts';
export { Receiver, type StoreOptions } from './dstream/receiver.ts';
export type {
  InputOptions,
  IterableOptions,
  QueueOptions,
  ReceiverOptions,
  SocketOptions,
  SocketStreamOptions,
} from './dstream/source-options.ts';
export type {
  BinaryFileOptions,
  CsvFileOptions,
  CsvOptions,
  FileSourceOptions,
  FileStreamOptions,
  JsonFileOptions,
  TextFileOptions,
} from './dstream/file-options.ts';
export { topology, type TopologyBuild, type TopologyOptions } from './topology/topology.ts';
export type {
  Guarantee,
  SinkOptions,
  StageOptions,
  TopologyBuilder,
} from './topology/topology-builder.ts';
export type {
  Answer,
  Emitter,
  Stage,
  StageContext,
  StageFunction,
  StageOutputs,
} from './topology/stage.ts';
export type { Delivery, Kept, Sink, SinkContext, SinkPart, SinkSpec } from './topology/sink.ts';
export type { StageFeed, StageStream } from './plan/stage-stream.ts';
export { collect, forEach, print } from './topology/sinks.ts';
export { idempotent, type IdempotentOptions } from './topology/idempotent.ts';
export {
  transactional,
  type TransactionalOptions,
  type TransactionalStore,
} from './topology/transactional.ts';
export { files, type FilesOptions } from './io/file-sink.ts';
export {
  fromIterable,
  generate,
  numbers,
  queue,
  socket,
  type RecordSource,
  type SourceSpec,
} from './topology/sources.ts';
export { run } from './run/run.ts';
export {
  StreamingContext,
  type GetOrCreateOptions,
  type StreamingContextOptions,
} from './run/streaming-context.ts';
export type {
  BatchCompletedEvent,
  BatchInfo,
  BatchStartedEvent,
  BatchSubmittedEvent,
  OutputCompletedEvent,
  OutputOperationInfo,
  OutputStartedEvent,
  StreamInputInfo,
} from './run/batch-events.ts';
export type { StreamingListener } from './run/listeners.ts';
export {
  exportState,
  importState,
  type ImportStateOptions,
  inspectCheckpoint,
} from './run/inspect/for-programs.ts';
export type {
  CheckpointFound,
  Inspection,
  LogFound,
  OperatorFound,
} from './run/inspect/inspection.ts';
export type { NewEntry, StateEntry } from './run/inspect/transfer-state.ts';
export type { Recovered } from './run/restart.ts';
export type { Savepoint } from './run/savepoint.ts';
export { StatsReportListener } from './run/stats-listener.ts';
export {
  Run,
  type CollectedBatch,
  type DeadLetterEvent,
  type RunEvent,
  type RunMetrics,
  type RunState,
  type ReceiverEvent,
  type StreamingStartedEvent,
  type StopOptions,
  type PushOptions,
  type RunInput,
  type StopReport,
} from './run/running.ts';
export {
  every,
  onCount,
  onWatermark,
  session,
  sliding,
  tumbling,
  type TimeWindow,
  type Trigger,
  type Windowed,
  type WindowKind,
} from './dstream/event-time/window.ts';
export {
  TimedStream,
  type DedupeByKeyOptions,
  type IntervalJoinBounds,
} from './dstream/event-time/timed-stream.ts';
export { WindowedStream, type WindowOptions } from './dstream/event-time/windowed-stream.ts';
export type { TimestampOptions } from './dstream/event-time/with-timestamps.ts';
export type { BroadcastTable } from './dstream/lookup/broadcast.ts';
export type { BroadcastJoinOptions, MapAsyncOptions } from './dstream/lookup/build.ts';
export type { RecordOptions } from './dstream/record-options.ts';
export type { RecordLetterEvent } from './run/running.ts';
export type { OnRecordError } from './dstream/run/dead-letter.ts';
export type { BackpressureOptions, RunOptions, SupervisionOptions } from './run/options.ts';
export {
  PidRateEstimator,
  type PidOptions,
  type PidRateEstimatorOptions,
} from './supervision/pid.ts';
export type { FaultWay, KillWay, LogSize, ThreadInfo } from './run/engine.ts';
export type { JobActor, JobActorRole } from './run/job-tree.ts';
export type { LeftBehind } from './supervision/coordinator.ts';
