/** What listeners hear of jobs on worker threads, whose parts tell of themselves in no order. */
import type { RunEvent } from 'millrace';
import { runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import transforms from '../fixtures/jobs/transforms.ts';

const names = ['transform: sorts over all partitions', 'transformWith: itself'];
const inputs = [
  [[3, 1, 2], [], [5, 4]],
  [[3, 1, 2], [], [5, 4]],
];

it.each([0, 2])('events of a batch come in order, threads: %i', async (threads) => {
  const events: RunEvent[] = [];
  await runBatches(
    {
      inputs,
      threads,
      partitions: 2,
      args: { names },
      listeners: [{ onEvent: (event) => void events.push(event) }],
    },
    transforms,
  );
  const told = events.flatMap((event) => {
    switch (event.type) {
      case 'streamingStarted':
        return ['start'];
      case 'batchSubmitted':
        return [`submitted ${event.batchTime}`];
      case 'batchStarted':
        return [`started ${event.batchTime} with ${event.numRecords}`];
      case 'outputStarted':
      case 'outputCompleted':
        return [`${event.type} ${event.id} of ${event.batchTime}`];
      case 'batchCompleted':
        return [`completed ${event.batchTime} with ${event.outputOperationInfos.length}`];
      default:
        return [];
    }
  });
  const wanted = [6, 0, 4].flatMap((records, n) => {
    const time = 1000 * (n + 1);
    return [
      `submitted ${time}`,
      `started ${time} with ${records}`,
      `outputStarted 0 of ${time}`,
      `outputCompleted 0 of ${time}`,
      `outputStarted 1 of ${time}`,
      `outputCompleted 1 of ${time}`,
      `completed ${time} with 2`,
    ];
  });
  // The next batch may be cut before the one before is told to be complete.
  const byTime = (lines: readonly string[], time: number): string[] =>
    lines.filter((line) => line.includes(String(time)));
  expect(told[0]).toBe('start');
  for (const time of [1000, 2000, 3000]) expect(byTime(told, time)).toEqual(byTime(wanted, time));
  expect(told).toHaveLength(wanted.length + 1);
});
