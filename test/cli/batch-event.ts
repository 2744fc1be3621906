/** Events of batches, for tests that care for some of their fields only. */
import type { BatchCompletedEvent, BatchSubmittedEvent } from '../../src/run/batch-events.ts';

const INFO = {
  submissionTime: 0,
  streamIdToInputInfo: {},
  outputOperationInfos: [],
};

export function batchSubmitted(barrier: number, time: number): BatchSubmittedEvent {
  const info = { ...INFO, batchTime: time, numRecords: 0 };
  return { type: 'batchSubmitted', barrier, time, ...info, batchInfo: info };
}

export function batchCompleted(
  own: Pick<
    BatchCompletedEvent,
    'barrier' | 'time' | 'records' | 'schedulingDelayMs' | 'processingMs' | 'totalDelayMs'
  >,
): BatchCompletedEvent {
  const info = {
    ...INFO,
    batchTime: own.time,
    numRecords: own.records,
    processingStartTime: 0,
    processingEndTime: 0,
    schedulingDelay: own.schedulingDelayMs,
    processingDelay: own.processingMs,
    totalDelay: own.totalDelayMs,
  };
  return { type: 'batchCompleted', ...own, ...info, batchInfo: info };
}
