/** Operators of windows against models, over random batches, with hand-overs and deaths anywhere. */
import { describe, expect, it } from 'vitest';
import { GroupOperator } from '../../../src/dstream/windows/group-operator.ts';
import { WindowGrid } from '../../../src/dstream/windows/grid.ts';
import { ReduceOperator } from '../../../src/dstream/windows/reduce-operator.ts';
import { RowsOperator } from '../../../src/dstream/windows/rows-operator.ts';
import {
  drive,
  type DriveOptions,
  givePairs,
  giveRows,
  type Pair,
  type Random,
  randomFrom,
  randomPairs,
  SLIDE_MS,
  sorted,
} from './drive.ts';
import * as models from './models.ts';

const SEEDS: readonly number[] = Array.from({ length: 150 }, (_, seed) => seed);
const rethrow = (error: unknown): never => {
  throw error;
};
const unknownKey = (): never => {
  throw new Error('a key that nobody knows');
};
const add = (a: number, b: number): number => a + b;
const subtract = (a: number, b: number): number => a - b;
/** Not commutative: tells the order of values. */
const join = (a: string, b: string): string => `${a}.${b}`;

function randomSpans(random: Random): models.Spans {
  return { window: 1 + random(7), slide: 1 + random(5) };
}

function gridOf({ window, slide }: models.Spans): WindowGrid {
  return new WindowGrid(window * SLIDE_MS, slide * SLIDE_MS);
}

function options(random: Random): DriveOptions {
  return { random, zeroTime: random(3) * 1_000_000 * SLIDE_MS };
}

describe('over random windows, slides and batches, with deaths', () => {
  it('window gives the records of its batches, oldest first', () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const of = randomSpans(random);
      let count = 0;
      const batches = randomPairs(random, () => count++);
      const given = drive(() => new RowsOperator(gridOf(of)), batches, giveRows, options(random));
      expect(
        given.map((each) => (each as { rows: unknown[] } | undefined)?.rows),
        `seed ${seed}`,
      ).toEqual(models.rows(batches, of));
    }
  });

  it('groupByKeyAndWindow gives the values of each key in order', () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const of = randomSpans(random);
      let count = 0;
      const batches = randomPairs(random, () => count++);
      const given = drive(
        () => new GroupOperator(gridOf(of), rethrow),
        // What comes from the batch has a list for each key already.
        batches.map((batch) => batch && [...models.byKey(batch)]),
        givePairs,
        options(random),
      );
      expect(given.map(sorted), `seed ${seed}`).toEqual(models.grouped(batches, of));
    }
  });

  it('without an inverse, values are reduced in order', () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const of = randomSpans(random);
      let count = 0;
      const batches = randomPairs(random, () => `${count++}`);
      const make = (): ReduceOperator =>
        new ReduceOperator({
          grid: gridOf(of),
          keyed: true,
          f: join as never,
          blame: rethrow,
          unknown: unknownKey,
        });
      const given = drive(make, batches, givePairs, options(random));
      expect(given.map(sorted), `seed ${seed}`).toEqual(models.reduced(batches, of, join));
    }
  });

  it('with an inverse, keys stay and sums are right', () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const of = randomSpans(random);
      const keep = random(2) === 0 ? undefined : ([, total]: Pair): boolean => total !== 0;
      const batches = randomPairs(random, () => 1 + random(9));
      const make = (): ReduceOperator =>
        new ReduceOperator({
          grid: gridOf(of),
          keyed: true,
          f: add as never,
          inverse: subtract as never,
          keep: keep && ((key, total) => keep([key, total])),
          blame: rethrow,
          unknown: unknownKey,
        });
      const given = drive(make, batches, givePairs, options(random));
      expect(given.map(sorted), `seed ${seed}`).toEqual(
        models.withInverse(batches, of, add, subtract, keep),
      );
    }
  });

  it('a filter that forgets keys early does what Spark does', () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const of = randomSpans(random);
      const keep = ([, total]: Pair): boolean => (total as number) % 3 !== 0;
      const batches = randomPairs(random, () => 1 + random(9), { keys: 4 });
      const make = (): ReduceOperator =>
        new ReduceOperator({
          grid: gridOf(of),
          keyed: true,
          f: add as never,
          inverse: subtract as never,
          keep: (key, total) => keep([key, total]),
          blame: rethrow,
          unknown: unknownKey,
        });
      const outcome = (run: () => unknown): unknown => {
        try {
          return run();
        } catch (error) {
          return String(error);
        }
      };
      expect(
        outcome(() => drive(make, batches, givePairs, options(random)).map(sorted)),
        `seed ${seed}`,
      ).toEqual(outcome(() => models.withInverse(batches, of, add, subtract, keep)));
    }
  });
});

describe('floating-point sums', () => {
  it('are the same, bit by bit, with recoveries and without', () => {
    const random = randomFrom(7);
    const of = { window: 7, slide: 2 };
    const batches = randomPairs(random, () => random(1e9) / 7, { batches: 120 });
    const make = (): ReduceOperator =>
      new ReduceOperator({
        grid: gridOf(of),
        keyed: true,
        f: add as never,
        blame: rethrow,
        unknown: unknownKey,
      });
    expect(drive(make, batches, givePairs, { random }).map(sorted)).toEqual(
      drive(make, batches, givePairs).map(sorted),
    );
  });
});

describe('long runs', () => {
  it('drop old parts of hand-overs and go on as before', () => {
    const random = randomFrom(3);
    const of = { window: 5, slide: 1 };
    const batches = randomPairs(random, () => 1 + random(9), { batches: 600, keys: 40 });
    for (const inverse of [undefined, subtract]) {
      const make = (): ReduceOperator =>
        new ReduceOperator({
          grid: gridOf(of),
          keyed: true,
          f: add as never,
          inverse: inverse as never,
          blame: rethrow,
          unknown: unknownKey,
        });
      const model =
        inverse === undefined
          ? models.reduced(batches, of, add)
          : models.withInverse(batches, of, add, inverse);
      expect(drive(make, batches, givePairs, { random }).map(sorted)).toEqual(model);
    }
  });
});
