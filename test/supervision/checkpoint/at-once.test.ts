/** Without a checkpoint directory: what is held counts at once, whatever the disk says. */
import { expect, it } from 'vitest';
import { simEnv } from '../../../src/env/sim.ts';
import { AtOnce } from '../../../src/supervision/checkpoint/at-once.ts';
import { startPoint, type HeldPoint } from '../../../src/supervision/held-index.ts';

const point = (n: number): HeldPoint => ({
  ...startPoint(1),
  barrier: n,
  publish: [{ from: `/out/.${n}`, to: `/out/${n}` }],
});
const barrier = (number: number) =>
  ({ number, time: 0, batch: true, point: true, last: false, zeroTime: 0 }) as const;

it('I1: a file that may not get its name is published later; the points behind it carry it on', () => {
  const env = simEnv(1);
  const told: unknown[] = [];
  const durable: number[] = [];
  const atOnce = new AtOnce(env, {
    durable: (number) => durable.push(number),
    tell: ({ type, what }) => told.push([type, what]),
  });
  env.disk.makeDirectory('/out');
  atOnce.begin(startPoint(1), undefined, 0, () => {});
  for (const n of [1, 2]) env.disk.write(`/out/.${n}`, new Uint8Array(1));
  env.disk.fault = (operation) =>
    operation === 'rename' ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : undefined;
  atOnce.held(point(1), barrier(1), []);
  expect(atOnce.unpublished).toEqual(point(1).publish);
  atOnce.held(point(2), barrier(2), []);
  let isFinished = false;
  atOnce.finish(() => (isFinished = true));
  env.clock.advance(5000);
  expect(isFinished).toBe(false);
  env.disk.fault = undefined;
  env.clock.advance(2000);
  expect(isFinished).toBe(true);
  expect(env.disk.paths()).toEqual(['/out/1', '/out/2']);
  expect(atOnce.unpublished).toEqual([]);
  expect(durable).toEqual([1, 2]);
  expect(told).toEqual([
    ['degraded', 'output'],
    ['recovered', 'output'],
  ]);
});

it('whoever begins publishes what an earlier one left', () => {
  const env = simEnv(1);
  env.disk.makeDirectory('/out');
  env.disk.write('/out/.3', new Uint8Array(1));
  let begun = 0;
  new AtOnce(env, { durable() {}, tell() {} }).begin(point(3), barrier(3), 1, () => begun++);
  expect(env.disk.paths()).toEqual(['/out/3']);
  expect(begun).toBe(1);
});
