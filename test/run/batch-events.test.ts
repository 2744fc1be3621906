import { describe, expect, test } from 'vitest';
import { type BatchEvent, BatchEvents } from '../../src/run/batch-events.ts';
import { toWire } from '../../src/errors.ts';

const TIMES = {
  submissionTime: 100,
  processingStartTime: 105,
  processingEndTime: 130,
  inputs: [3, 4],
};
const submitted = { type: 'batchSubmitted', barrier: 1, time: 1000, submissionTime: 100 } as const;
const started = {
  type: 'batchStarted',
  barrier: 1,
  time: 1000,
  submissionTime: 100,
  processingStartTime: 106,
  inputs: [3, 4],
} as const;
const completed = {
  type: 'batchCompleted',
  barrier: 1,
  time: 1000,
  records: 7,
  schedulingDelayMs: 5,
  processingMs: 25,
  totalDelayMs: 30,
  ...TIMES,
  outputs: [
    { output: 8, startTime: 110, endTime: 115 },
    { output: 9, startTime: 115, endTime: 120 },
  ],
} as const;
const begins = (output: number) =>
  ({ type: 'outputStarted', output, barrier: 1, time: 1000, startTime: 110 }) as const;
const ends = (output: number, failureReason?: string) =>
  ({
    ...begins(output),
    type: 'outputCompleted',
    endTime: 115,
    ...(failureReason === undefined ? {} : { failureReason }),
  }) as const;
const ALL = [
  'batchSubmitted',
  'batchStarted',
  'outputStarted 0',
  'outputCompleted 0',
  'outputStarted 1',
  'outputCompleted 1',
  'batchCompleted',
];

function events(): { readonly of: BatchEvents; readonly told: BatchEvent[]; lines(): string[] } {
  const told: BatchEvent[] = [];
  const of = new BatchEvents({
    outputs: [
      { output: 8, name: 'print#1', description: 'a.ts:1:1' },
      { output: 9, name: 'print#2', description: 'a.ts:2:1' },
    ],
    sources: ['left', 'right'],
    emit: (event) => told.push(event),
  });
  const lines = (): string[] =>
    told.map((event) => ('id' in event ? `${event.type} ${event.id}` : event.type));
  return { of, told, lines };
}

describe('events of a batch', () => {
  test('come in their order, with the names that Spark has', () => {
    const { of, told, lines } = events();
    of.submitted(submitted);
    of.started(started);
    for (const output of [8, 9]) {
      of.output(begins(output));
      of.output(ends(output));
    }
    of.completed(completed);
    expect(lines()).toEqual(ALL);
    const info = {
      batchTime: 1000,
      submissionTime: 100,
      numRecords: 7,
      streamIdToInputInfo: {
        0: { inputStreamId: 0, name: 'left', numRecords: 3 },
        1: { inputStreamId: 1, name: 'right', numRecords: 4 },
      },
    };
    expect(told[1]).toMatchObject({ ...info, processingStartTime: 106, schedulingDelay: 6 });
    expect(told.at(-1)).toMatchObject({
      ...info,
      processingStartTime: 105,
      processingEndTime: 130,
      schedulingDelay: 5,
      processingDelay: 25,
      totalDelay: 30,
      outputOperationInfos: [
        { batchTime: 1000, id: 0, name: 'print#1', description: 'a.ts:1:1', startTime: 110 },
        { batchTime: 1000, id: 1, name: 'print#2', description: 'a.ts:2:1', endTime: 115 },
      ],
    });
    expect((told.at(-1) as { batchInfo?: unknown }).batchInfo).toBe(told.at(-1));
    expect(JSON.stringify(told.at(-1))).not.toContain('batchInfo');
  });

  test('are brought into order when outputs are heard of before the coordinator', () => {
    const { of, lines } = events();
    of.output(begins(8));
    of.output(ends(8));
    of.submitted(submitted);
    of.output(begins(9));
    of.started(started);
    of.output(ends(9));
    of.completed(completed);
    expect(lines()).toEqual(ALL);
  });

  test('are all told although only the end was heard of, and what comes late is not told again', () => {
    const { of, lines } = events();
    of.completed(completed);
    of.output(begins(8));
    of.output(ends(8));
    of.started(started);
    of.submitted(submitted);
    of.completed(completed);
    expect(lines()).toEqual(ALL);
  });

  test('tell of an output once when a recovery runs it again, and of each attempt that failed', () => {
    const { of, lines, told } = events();
    of.submitted(submitted);
    of.started(started);
    of.output(begins(8));
    of.output(ends(8));
    of.output(begins(9));
    of.output(ends(9, 'Error: no'));
    of.output(begins(8));
    of.output(ends(8));
    of.output(begins(9));
    of.output(ends(9));
    of.completed(completed);
    expect(lines()).toEqual([
      ...ALL.slice(0, 6),
      'outputStarted 1',
      'outputCompleted 1',
      'batchCompleted',
    ]);
    expect(told[5]).toMatchObject({ failureReason: 'Error: no' });
    expect(told.at(-1)).not.toHaveProperty('failureReason');
  });

  test('of a batch that was given up complete it with the reason, in its outputs too', () => {
    const { of, told } = events();
    const error = toWire(new Error('map broke'));
    of.submitted(submitted);
    of.failed({ type: 'batchFailed', barrier: 1, time: 1000, error, ...TIMES, outputs: [] });
    expect(told.at(-1)).toMatchObject({
      type: 'batchCompleted',
      failureReason: 'map broke',
      outputOperationInfos: [
        { id: 0, failureReason: 'map broke' },
        { id: 1, failureReason: 'map broke' },
      ],
    });
  });
});
