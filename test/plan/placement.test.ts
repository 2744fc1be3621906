import { expect, test } from 'vitest';
import type { Wiring } from '../../src/actors/wiring.ts';
import { type Placeable, place } from '../../src/plan/placement.ts';
import { regionsOf } from '../../src/plan/regions.ts';

const tasks = (kind: 'source' | 'wide', partitions: number): Placeable[] =>
  Array.from({ length: partitions }, (_, partition) => ({ kind, partition }));
const outputs: Placeable = { kind: 'outputs' };

test('equal partitions of all operators share a worker', () => {
  expect(place([...tasks('source', 4), ...tasks('wide', 4)], 2)).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
});

test('the outputs go where the fewest tasks are, and to the lowest of equals', () => {
  expect(place([...tasks('source', 2), ...tasks('wide', 1), outputs], 2)).toEqual([0, 1, 0, 1]);
  expect(place([...tasks('source', 2), outputs], 2)).toEqual([0, 1, 0]);
  expect(place([...tasks('source', 2), outputs], 4)).toEqual([0, 1, 2]);
});

test('one worker runs everything', () => {
  expect(place([...tasks('source', 3), outputs], 1)).toEqual([0, 0, 0, 0]);
});

test('placing changes nothing and comes out the same again', () => {
  const given = Object.freeze(
    [...tasks('source', 3), ...tasks('wide', 2), outputs].map((task) => Object.freeze(task)),
  );
  expect(place(given, 3)).toEqual(place(given, 3));
});

test('tasks that no inner edge connects are regions of their own, be their source the same', () => {
  const wiring = {
    workers: 1,
    tasks: [0, 1, 2, 3].map((id) => ({ id, name: `t${id}`, worker: 0, inputs: [], outputs: [] })),
    sources: [{ id: 0, name: 's', outputs: [0, 1] }],
    edges: [
      { id: 0, kind: 'receiver', from: 0, to: 0 },
      { id: 1, kind: 'receiver', from: 0, to: 1 },
      { id: 2, kind: 'inner', from: 0, to: 2 },
      { id: 3, kind: 'inner', from: 1, to: 3 },
    ],
  } satisfies Wiring;
  expect(regionsOf(wiring)).toEqual([
    [0, 2],
    [1, 3],
  ]);
  expect(
    regionsOf({ ...wiring, edges: [...wiring.edges, { id: 4, kind: 'inner', from: 3, to: 2 }] }),
  ).toEqual([[0, 1, 2, 3]]);
});
