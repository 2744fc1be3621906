/** Rates follow what the busiest worker was at work, source by source. */
import { expect, it } from 'vitest';
import type { Wiring } from '../../src/actors/wiring.ts';
import type { Taken } from '../../src/supervision/barrier-ledger.ts';
import { RateControl } from '../../src/supervision/rate-control.ts';

/** Sources 0 and 1, read by tasks 0 and 1 on a worker each; task 2 is behind both, on worker 1. */
const WIRING: Wiring = {
  workers: 2,
  sources: [
    { id: 0, name: 'a', outputs: [0] },
    { id: 1, name: 'b', outputs: [1] },
  ],
  tasks: [
    { id: 0, name: 'a', worker: 0, inputs: [0], outputs: [] },
    { id: 1, name: 'b', worker: 1, inputs: [1], outputs: [2] },
    { id: 2, name: 'c', worker: 1, inputs: [2], outputs: [] },
  ],
  edges: [
    { id: 0, kind: 'receiver', from: 0, to: 0 },
    { id: 1, kind: 'receiver', from: 1, to: 1 },
    { id: 2, kind: 'inner', from: 1, to: 2 },
  ],
};

function taken(task: number, records: number, busyMs: number): Taken {
  return { type: 'taken', epoch: 1, task, barrier: 1, offsets: [], records, busyMs };
}

const control = (): RateControl =>
  new RateControl(WIRING, { batchIntervalMs: 1000, pid: { minRate: 1 } });
const all = (a: number, b: number): Taken[] => [
  taken(0, a, 100),
  taken(1, b, 150),
  taken(2, a + b, 250),
];

it('a batch took as long as its busiest worker was at work', () => {
  const rates = control();
  rates.add(all(100, 200));
  expect(rates.completed(1000, 10)).toEqual([]);
  rates.add(all(50, 100));
  rates.add([taken(0, 50, 0), taken(1, 100, 0), taken(2, 0, 0)]);
  expect(rates.completed(2000, 10)).toEqual([
    { source: 0, rate: 250 },
    { source: 1, rate: 500 },
  ]);
  expect([...rates.rates]).toEqual([
    [0, 250],
    [1, 500],
  ]);
});

it('what a batch was late beyond that it has waited, and the rate falls', () => {
  const rates = control();
  rates.add(all(100, 200));
  rates.completed(1000, 10);
  rates.add(all(100, 200));
  const [{ rate } = { rate: 0 }] = rates.completed(2000, 1400);
  expect(rate).toBeCloseTo(250 - 0.2 * 250, 6);
});

it('I1: what was counted before a recovery counts no more', () => {
  const rates = control();
  rates.add(all(100, 200));
  rates.completed(1000, 10);
  rates.add(all(1e6, 1e6));
  rates.reset();
  rates.add(all(100, 200));
  expect(rates.completed(2000, 10)[0]).toEqual({ source: 0, rate: 250 });
});

it('I2: a source without records keeps its rate', () => {
  const rates = control();
  for (const time of [1000, 2000]) {
    rates.add(all(100, 200));
    rates.completed(time, 10);
  }
  rates.add(all(0, 200));
  expect(rates.completed(3000, 10).map(({ source }) => source)).toEqual([1]);
  expect(rates.rates.get(0)).toBe(250);
});
