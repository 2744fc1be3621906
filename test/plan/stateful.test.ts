/** What of a plan keeps state, and what a changed program must fit. */
import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import { plan } from '../../src/plan/planner.ts';
import type { Plan } from '../../src/plan/planned.ts';
import { missingMigrations, statefulOperators, statesOf } from '../../src/plan/stateful.ts';

function planned(build: (ssc: ContextBuilder) => void, workers = 2): Plan {
  const ssc = new ContextBuilder();
  build(ssc);
  return plan(ssc.freeze(), { workers, batchIntervalMs: 1000 });
}

const pairs = (ssc: ContextBuilder) => ssc.inputStream<readonly [string, number]>('in');
const sum = (values: number[], total: number = 0): number => values.reduce((a, b) => a + b, total);

describe('the operators with state', () => {
  test('are named with partitions, version and layout', () => {
    const p = planned((ssc) => {
      const given = pairs(ssc);
      const totals = given.updateStateByKey(sum);
      totals.window(4000, 2000).print();
      given.reduceByKey((a, b) => a + b).print();
    });
    expect(statefulOperators(p)).toMatchObject([
      { uid: 'updateStateByKey#1', partitions: 2, stateVersion: 1, stateLayout: '' },
      { uid: 'window#1', partitions: 2, stateLayout: 'windowMs=4000 slideMs=2000' },
    ]);
  });

  test('have another layout with another window, and with an inverse', () => {
    const add = (a: number, b: number): number => a + b;
    const layoutOf = (build: (ssc: ContextBuilder) => void): string =>
      statefulOperators(planned(build))[0]!.stateLayout;
    const layouts = [
      layoutOf((ssc) => pairs(ssc).reduceByKeyAndWindow(add, { window: 4000 }).print()),
      layoutOf((ssc) => pairs(ssc).reduceByKeyAndWindow(add, { window: 5000 }).print()),
      layoutOf((ssc) =>
        pairs(ssc)
          .reduceByKeyAndWindow(add, { window: 4000, inverse: (a, b) => a - b })
          .print(),
      ),
    ];
    expect(new Set(layouts).size).toBe(3);
  });

  test('lie in the task of their partition, also where they are fused into one', () => {
    const p = planned((ssc) => pairs(ssc).updateStateByKey(sum).window(4000).print());
    const states = p.tasks.map(({ id }) => statesOf(p, id));
    expect(states).toContainEqual([
      { uid: 'updateStateByKey#1', partition: 1 },
      { uid: 'window#1', partition: 1 },
    ]);
  });
});

test('steps that are missing are told by number', () => {
  const node = (version: number, ...steps: number[]) => ({
    id: 0,
    uid: 'a',
    kind: 'updateStateByKey' as const,
    role: 'wide' as const,
    parents: [],
    callSite: '',
    params: { version },
    functions: Object.fromEntries(steps.map((step) => [`migrate${step}`, (x: unknown) => x])),
  });
  expect(missingMigrations(node(1), 1)).toEqual([]);
  expect(missingMigrations(node(3, 1, 2), 1)).toEqual([]);
  expect(missingMigrations(node(3, 2), 1)).toEqual([1]);
  expect(missingMigrations(node(3, 2), 2)).toEqual([]);
  expect(missingMigrations(node(1), 2)).toBeUndefined();
});
