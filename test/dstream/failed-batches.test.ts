/** What a batch that fails leaves behind: an error, events, and state as if it had been empty. */
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/index.ts';
import { runBatches } from '../../src/testing/index.ts';

type Pairs = readonly (readonly [string, number])[];
const BATCHES: readonly Pairs[] = [
  [['a', 1]],
  [
    ['a', 10],
    ['b', 20],
  ],
  [['a', 100]],
];

describe('a batch that is given up changes no state', () => {
  it.each(['an output', 'a function before the state', 'a function behind it'])(
    '%s has thrown',
    async (where) => {
      const { batches, errors } = await runBatches({ inputs: [BATCHES] }, (_ssc, pairs) => {
        const fail = (place: string, value: number): number => {
          if (where === place && value >= 10 && value < 100) throw new Error('no');
          return value;
        };
        const sums = pairs
          .map(([key, n]) => [key, fail('a function before the state', n)] as const)
          .updateStateByKey<string, number, number>((values, sum = 0) =>
            values.reduce((a, b) => a + b, sum),
          );
        const checked = sums.map(([key, sum]) => [
          key,
          fail('a function behind it', sum === 111 ? 0 : sum),
        ]);
        checked.foreachBatch((batch) => {
          if (where === 'an output' && batch.toArray().some(([, sum]) => sum === 11))
            throw new Error('no');
        });
        return checked;
      });
      expect(errors.map(({ time }) => time)).toEqual([2000]);
      expect(batches.map(({ time, values }) => [time, values])).toEqual([
        [1000, [['a', 1]]],
        [3000, [['a', 101]]],
      ]);
    },
  );
});

describe('events of a batch that fails', () => {
  async function eventsOf(failures: number): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    let attempt = 0;
    await runBatches(
      {
        inputs: [[[1], [2]]],
        supervision: { maxBatchFailures: 2 },
        listeners: [{ onEvent: (event) => void events.push(event) }],
      },
      (_ssc, stream) => {
        stream.print();
        stream.foreachBatch((_batch, time) => {
          if (time === 1000 && ++attempt <= failures) throw new Error('no');
        });
      },
    );
    return events;
  }

  const lines = (events: readonly RunEvent[]): string[] =>
    events.flatMap((event) => {
      if (!('batchTime' in event) && event.type !== 'batchFailed') return [];
      const time = 'batchTime' in event ? event.batchTime : event.time;
      if (time !== 1000) return [];
      const id = 'id' in event ? ` ${event.id}` : '';
      const failed = 'failureReason' in event ? ' failed' : '';
      return [`${event.type}${id}${failed}`];
    });

  it('tell of each attempt, and complete it when one succeeds', async () => {
    expect(lines(await eventsOf(1))).toEqual([
      'batchSubmitted',
      'batchStarted',
      'outputStarted 0',
      'outputCompleted 0',
      'outputStarted 1',
      'outputCompleted 1 failed',
      'outputStarted 1',
      'outputCompleted 1',
      'batchCompleted',
    ]);
  });

  it('complete it with the reason when it is given up, and the next one as ever', async () => {
    const events = await eventsOf(9);
    expect(lines(events)).toEqual([
      'batchSubmitted',
      'batchStarted',
      'outputStarted 0',
      'outputCompleted 0',
      'outputStarted 1',
      'outputCompleted 1 failed',
      'outputStarted 1',
      'outputCompleted 1 failed',
      'batchFailed',
      'batchCompleted failed',
    ]);
    const completed = events.filter(({ type }) => type === 'batchCompleted');
    expect(completed).toMatchObject([
      {
        failureReason: expect.stringContaining('its function threw: no'),
        outputOperationInfos: [{ id: 0 }, { id: 1, failureReason: expect.stringContaining('no') }],
      },
      { batchTime: 2000, numRecords: 1 },
    ]);
    expect(completed[1]).not.toHaveProperty('failureReason');
  });
});
