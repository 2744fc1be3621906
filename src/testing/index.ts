/** `millrace/testing`: stream programs on virtual time, for the tests of those who write them. */
export {
  runBatches,
  type BatchError,
  type BatchesResult,
  type RunBatchesOptions,
  type StreamsOf,
  type TestBuild,
} from './run-batches.ts';
export { VirtualClock, type VirtualClockOptions } from '../env/virtual-clock.ts';
export type { Clock, Timer } from '../env/env.ts';
export { runChaos, type ChaosOptions } from './chaos/run-chaos.ts';
export {
  chaos,
  type ChaosBuilder,
  type ChaosScript,
  type Every,
  type EveryOptions,
  type Faulting,
  type PointFaulting,
  type Victim,
} from './chaos/script.ts';
export type { Between, Claims } from './chaos/script-claims.ts';
export { faultPoint, type FaultPoint, type Faults } from './chaos/fault-point.ts';
export { type NumberedOptions, type NumberedServer } from './chaos/numbered-server.ts';
export { reportText, type ChaosBatch, type ChaosReport } from './chaos/report.ts';
export { type Judgement } from './chaos/claims.ts';
export { type TimelineEntry } from './chaos/observed.ts';
export {
  simulate,
  type SimulateOptions,
  type SimulatedSeed,
  type SimulationFailure,
  type SimulationReport,
} from './simulate/simulate.ts';
export type { Check, Model, SimulatedBatch, SimulatedRun } from './simulate/judge.ts';
export type { SimInput } from './simulate/subject.ts';
export type { Fault } from './sim/faults.ts';
export {
  verifyStage,
  type StageVerdict,
  type VerifyStageOptions,
} from './verify-stage/verify-stage.ts';
export type { Finding, FindingKind } from './verify-stage/findings.ts';
export { verifySink, type SinkVerdict, type VerifySinkOptions } from './verify-sink/verify-sink.ts';
export type { SinkFinding, SinkFindingKind } from './verify-sink/sink-findings.ts';
