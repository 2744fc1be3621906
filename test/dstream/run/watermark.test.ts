/** Watermarks of what arrives, and what of them is passed on through a tree. */
import { expect, test } from 'vitest';
import type { TaskOutput } from '../../../src/actors/task.ts';
import { createBody } from '../../../src/dstream/run/create-body.ts';
import { leastMark } from '../../../src/dstream/run/watermark.ts';
import { planOf } from './drive.ts';

const arrivals = [
  { input: 0, port: 0, side: 0, partition: 0 },
  { input: 0, port: 1, side: 1, partition: 0 },
  { input: 1, port: 0, side: 0, partition: 1 },
];

test('the least of all arrivals counts; idle ones do not, and one without any holds all back', () => {
  const of = (...marks: (readonly (readonly [number, number])[])[]): number =>
    leastMark(arrivals, marks);
  expect(leastMark(arrivals, undefined)).toBe(-Infinity);
  expect(
    of(
      [
        [0, 5],
        [1, 3],
      ],
      [[0, 4]],
    ),
  ).toBe(3);
  expect(
    of(
      [
        [0, 5],
        [1, Number.NaN],
      ],
      [[0, 4]],
    ),
  ).toBe(4);
  expect(of([[0, 5]], [[0, 4]])).toBe(-Infinity);
  expect(
    of(
      [
        [0, Infinity],
        [1, Infinity],
      ],
      [[0, Infinity]],
    ),
  ).toBe(Infinity);
  expect(
    of(
      [
        [0, Number.NaN],
        [1, Number.NaN],
      ],
      [[0, Number.NaN]],
    ),
  ).toBeNaN();
  // Other ports of the edge are nobody's here.
  expect(
    of(
      [
        [0, 5],
        [1, 3],
        [2, 1],
      ],
      [[0, 4]],
    ),
  ).toBe(3);
});

test('a keyed task and a join pass on what came in, on a missing batch too', () => {
  const plan = planOf(
    (ssc) => {
      const pairs = ssc.inputStream<readonly [string, number]>('in');
      pairs.countByKey().collectAs('counts');
      pairs.countByKey().join(pairs).collectAs('join');
    },
    { partitions: 1 },
  );
  const marks: (readonly [string, number, number])[] = [];
  const absent: string[] = [];
  for (const { id, name, inputs } of plan.wiring.tasks.filter((task) =>
    /^(count|join)/.test(task.name),
  )) {
    const out: TaskOutput = {
      emit: () => {},
      absent: () => void absent.push(name),
      mark: (_output, port, watermark) => void marks.push([name, port, watermark]),
      report: () => {},
    };
    const body = createBody(plan, id, out);
    const barrier = {
      number: 1,
      batch: true,
      point: true,
      last: false,
      time: 1500,
      zeroTime: 1000,
    };
    // At that time it has no batch anyway, so a missing one is no error.
    void body.barrier(
      barrier,
      inputs.map(() => [0]),
      inputs.map(() => [[0, 77]]),
    );
  }
  expect(new Set(marks.map(([, , watermark]) => watermark))).toEqual(new Set([77]));
  expect(absent).toHaveLength(marks.length);
  expect(new Set(absent)).toEqual(new Set(['countByKey#1[0]', 'countByKey#2[0]', 'join#1[0]']));
});
