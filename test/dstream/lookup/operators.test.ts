import { describe, expect, test } from 'vitest';
import { BroadcastJoin, WithBroadcast } from '../../../src/dstream/lookup/broadcast.ts';
import { Dedupe } from '../../../src/dstream/lookup/dedupe.ts';
import { type DrivenBatch, driveOperator, picker } from '../event-time/drive-operator.ts';

const fail = (error: unknown): never => {
  throw error;
};

describe('dedupe', () => {
  let late = 0;
  const operatorOf = (withinMs: number, isTimed: boolean) => (): Dedupe =>
    new Dedupe({ withinMs, isTimed, blame: fail, count: (_what, count) => (late += count) });

  test('of batch time passes over what follows the first of its key within the time, recovered or not', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pick = picker(seed);
      const batches: DrivenBatch[] = Array.from({ length: 40 }, (_, n) => ({
        sides: [Array.from({ length: pick(6) }, (_unused, i) => [`k${pick(5)}`, `${n}.${i}`])],
      }));
      const plain = driveOperator(operatorOf(3000, false), batches);
      const seen = new Map<unknown, number>();
      const expected = batches.map(({ sides }, n) =>
        sides[0]!.flatMap((row) => {
          const [key, record] = row as [string, string];
          const time = (n + 1) * 1000;
          if (time - (seen.get(key) ?? -Infinity) < 3000) return [];
          seen.set(key, time);
          return [record];
        }),
      );
      expect(plain).toEqual(expected);
      const recovered = driveOperator(operatorOf(3000, false), batches, {
        pick,
        recoverEvery: 1,
        discards: true,
      });
      expect(recovered).toEqual(plain);
    }
  });

  test('of event time judges by timestamps, whatever their order', () => {
    late = 0;
    const batches: DrivenBatch[] = [
      {
        sides: [
          [
            ['a', [100, 'x']],
            ['a', [95, 'y']],
            ['a', [111, 'z']],
          ],
        ],
        watermark: 90,
      },
      {
        sides: [
          [
            ['a', [91, 'v']],
            ['a', [90, 'u']],
            ['a', [80, 'late']],
          ],
        ],
        watermark: 130,
      },
      { sides: [[['a', [131, 'w']]]], watermark: 131 },
    ];
    expect(driveOperator(operatorOf(10, true), batches, { recoverEvery: 1 })).toEqual([
      [
        [100, 'x'],
        [111, 'z'],
      ],
      [[90, 'u']],
      [[131, 'w']],
    ]);
  });

  test('a key is forgotten when its time has passed', () => {
    const operator = operatorOf(10, false)();
    for (let n = 1; n <= 100; n++) {
      operator.pairs(0, [`k${n}`], [n]);
      operator.end({ time: n, zeroTime: 0, missing: [], watermark: -Infinity });
    }
    expect(operator.cells['given']!.size).toBeLessThanOrEqual(11);
  });
});

describe('a broadcast stream', () => {
  const batches: DrivenBatch[] = [
    {
      sides: [
        [
          ['a', 1],
          ['b', 2],
        ],
        [],
      ],
    },
    {
      sides: [
        [
          ['a', 3],
          ['b', 4],
        ],
        [
          ['a', 'A'],
          ['c', 'C'],
          ['a', 'AA'],
        ],
      ],
    },
    {
      sides: [
        [
          ['a', 5],
          ['c', 6],
        ],
        [
          ['a', undefined],
          ['d', null],
        ],
      ],
    },
    {
      sides: [
        [
          ['a', 7],
          ['c', 8],
          ['d', 9],
        ],
        [],
      ],
    },
  ];

  test('is met by every record as it is at the end of the same batch', () => {
    expect(
      driveOperator(() => new BroadcastJoin({ refuse: fail }, false), batches, { recoverEvery: 1 }),
    ).toEqual([
      [],
      [['a', [3, 'AA']]],
      [['c', [6, 'C']]],
      [
        ['c', [8, 'C']],
        ['d', [9, null]],
      ],
    ]);
  });

  test('leaves records without an other out, or gives them with undefined', () => {
    const given = driveOperator(() => new BroadcastJoin({ refuse: fail }, true), batches);
    expect(given[0]).toEqual([
      ['a', [1, undefined]],
      ['b', [2, undefined]],
    ]);
    expect(given[3]).toEqual([
      ['a', [7, undefined]],
      ['c', [8, 'C']],
      ['d', [9, null]],
    ]);
  });

  test('is a table for a function', () => {
    const create = () =>
      new WithBroadcast({ refuse: fail }, (row: [string, number], table) => [
        row[1],
        table.has(row[0]),
        table.get(row[0]),
        table.size,
      ]);
    expect(driveOperator(create, batches, { discards: true })[2]).toEqual([
      [5, false, undefined, 2],
      [6, true, 'C', 2],
    ]);
  });
});
