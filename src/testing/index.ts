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
