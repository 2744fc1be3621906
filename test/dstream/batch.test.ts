import { describe, expect, test } from 'vitest';
import { Batch } from '../../src/dstream/batch.ts';
import { arrayPartition, type PartitionSource } from '../../src/dstream/batch/sources.ts';
import { formatBatch, formatRecord } from '../../src/dstream/print.ts';

const batchOf = <T>(...partitions: T[][]): Batch<T> =>
  new Batch<T>(1000, partitions.map(arrayPartition));

/** A partition of the numbers from 0 that notes which of them were made. */
const counting = (count: number, made: number[]): PartitionSource => ({
  count,
  rows: (from = 0, to = count) => {
    const rows: number[] = [];
    for (let i = from; i < to; i++) {
      made.push(i);
      rows.push(i);
    }
    return rows;
  },
});

describe('a batch', () => {
  test('gives its records partition by partition', async () => {
    const batch = batchOf([1, 2], [], [3]);
    expect(await batch.collect()).toEqual([1, 2, 3]);
    expect(batch.toArray()).toEqual([1, 2, 3]);
    expect(await batch.take(2)).toEqual([1, 2]);
    expect(await batch.take(0)).toEqual([]);
    expect(await batch.take(9)).toEqual([1, 2, 3]);
    expect(await batch.first()).toBe(1);
    expect(await batch.count()).toBe(3);
    expect(await batch.isEmpty()).toBe(false);
    expect([batch.partitions, batch.time]).toEqual([3, 1000]);
  });

  test('makes only the records that are asked for', async () => {
    const made: number[] = [];
    const batch = new Batch<number>(0, [
      counting(3, made),
      counting(1_000_000, made),
      counting(5, made),
    ]);
    expect(await batch.take(5)).toEqual([0, 1, 2, 0, 1]);
    expect(made).toHaveLength(5);
    expect(await batch.count()).toBe(1_000_008);
    expect(await batch.isEmpty()).toBe(false);
    expect(made).toHaveLength(5);
  });

  test('rejects the first record of nothing', async () => {
    const empty = batchOf<number>([], []);
    await expect(empty.first()).rejects.toMatchObject({ code: 'ERR_MILLRACE_EMPTY_BATCH' });
    expect(await empty.isEmpty()).toBe(true);
    expect(await batchOf<number>().collect()).toEqual([]);
  });

  test('rejects a number of records that is none', async () => {
    await expect(batchOf([1]).take(-1)).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
    await expect(batchOf([1]).take(1.5)).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
  });

  test('hands out partitions one after another, empty ones too, and waits for each', async () => {
    const seen: string[] = [];
    await batchOf([1, 2], [], [3]).forEachPartition(async (records) => {
      const all = [...records];
      seen.push(`begin ${all.join()}`);
      await Promise.resolve();
      seen.push(`end ${all.join()}`);
    });
    expect(seen).toEqual(['begin 1,2', 'end 1,2', 'begin ', 'end ', 'begin 3', 'end 3']);
  });

  test('makes no record of a partition that is not read, and lets it be read twice', async () => {
    const made: number[] = [];
    const batch = new Batch<number>(0, [counting(2, made)]);
    await batch.forEachPartition(() => {});
    expect(made).toEqual([]);
    await batch.forEachPartition((records) =>
      expect([...records, ...records]).toEqual([0, 1, 0, 1]),
    );
  });

  test('may have a partition of more records than a call has arguments', () => {
    expect(batchOf(Array.from({ length: 300_000 }, (_, i) => i)).toArray()).toHaveLength(300_000);
  });

  test('passes on what the user function throws', async () => {
    const boom = new Error('boom');
    await expect(
      batchOf([1], [2]).forEachPartition(() => {
        throw boom;
      }),
    ).rejects.toBe(boom);
  });
});

describe('print', () => {
  const RULE = '-------------------------------------------';

  test('writes what Spark writes', () => {
    const batch = batchOf<[string, number]>([['a', 1]], [['b', 2]]);
    expect(formatBatch(1000, batch, 10)).toBe(`${RULE}\nTime: 1000 ms\n${RULE}\n(a,1)\n(b,2)\n\n`);
  });

  test('writes the header of an empty batch', () => {
    expect(formatBatch(2000, batchOf(), 10)).toBe(`${RULE}\nTime: 2000 ms\n${RULE}\n\n`);
  });

  test('says that there is more, and only then', () => {
    const batch = batchOf([1, 2], [3]);
    expect(formatBatch(0, batch, 2)).toBe(`${RULE}\nTime: 0 ms\n${RULE}\n1\n2\n...\n\n`);
    expect(formatBatch(0, batch, 3)).toBe(`${RULE}\nTime: 0 ms\n${RULE}\n1\n2\n3\n\n`);
    expect(formatBatch(0, batch, 0)).toBe(`${RULE}\nTime: 0 ms\n${RULE}\n...\n\n`);
  });

  test('makes no more records than it shows', () => {
    const made: number[] = [];
    formatBatch(0, new Batch(0, [counting(1_000_000, made)]), 10);
    expect(made).toHaveLength(10);
  });

  class Point {
    readonly x = 1;
    toString(): string {
      return `Point(${this.x})`;
    }
  }
  const itself: unknown[] = [1];
  itself.push(itself);

  test.each<[unknown, string]>([
    [['a', 1], '(a,1)'],
    [[['a', 'b'], 3], '((a,b),3)'],
    [['k', [1, 2, 3]], '(k,(1,2,3))'],
    [['k', null], '(k,null)'],
    [[], '[]'],
    [['only'], '[only]'],
    [
      Array.from({ length: 23 }, (_, i) => i),
      `[${Array.from({ length: 23 }, (_, i) => i).join(',')}]`,
    ],
    ['a "b"', 'a "b"'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [-0, '0'],
    [0.5, '0.5'],
    [12n, '12'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ a: 1, b: ['x', 2n] }, '{"a":1,"b":["x","2"]}'],
    [new Map([['a', [1, 2]]]), 'Map(a -> (1,2))'],
    [new Set([1, 2]), 'Set(1, 2)'],
    [Float64Array.of(1, 2.5), '[1,2.5]'],
    [new Point(), 'Point(1)'],
  ])('shows %o as %s', (record, text) => {
    expect(formatRecord(record)).toBe(text);
  });

  test('never throws for the looks of a record', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(formatRecord(circle)).toBe('[object Object]');
    expect(formatRecord(itself)).toContain('…');
    expect(formatRecord(Object.create(null))).toBe('{}');
  });
});
