/**
 * The jobs that run under simulation, each with what its outputs must give, said in plain JavaScript. A model is given
 * the records of one batch as they lie on the edges, so it knows nothing of barriers, recoveries or threads.
 */
import type { Batch } from '../../dstream/batch.ts';
import { sum } from '../../dstream/reducers.ts';
import type { SimJob } from './sim-job.ts';

type Partitions = readonly (readonly unknown[])[];
type Pair = readonly [string, number];

/** A record as it is written: 17 is followed by some words. */
export function lineOf(id: number): string {
  const words = Array.from(
    { length: 1 + ((id * 7) % 4) },
    (_, n) => `w${(id * 31 + n * n * 17) % 13}`,
  );
  return `${id} ${words.join(' ')}`;
}

/** The id of a line or a row. */
export function idOf(record: unknown): number {
  return Number(
    typeof record === 'string'
      ? record.slice(0, record.indexOf(' '))
      : (record as readonly unknown[])[0],
  );
}

const wordsOf = (line: unknown): string[] => (line as string).split(' ').slice(1);
/** One of seven. */
export const keyOf = (id: number): string => `k${id % 7}`;

function flat(batch: readonly Partitions[]): readonly unknown[] {
  return batch.flat(2);
}

function counted(values: readonly unknown[]): unknown[] {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts];
}

function summed(pairs: readonly Pair[]): unknown[] {
  const sums = new Map<string, number>();
  for (const [key, value] of pairs) sums.set(key, (sums.get(key) ?? 0) + value);
  return [...sums];
}

function grouped(pairs: readonly Pair[]): unknown[] {
  const groups = new Map<string, number[]>();
  for (const [key, value] of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
  return [...groups];
}

const pairOfLine = (line: unknown): Pair => [keyOf(idOf(line)), idOf(line)];
const pairOfRow = (row: unknown): Pair => [
  (row as [number, string])[1],
  (row as [number, string])[0],
];

const wordCount: SimJob = {
  name: 'word count',
  sources: ['text'],
  build(ssc, user) {
    const lines = ssc.socketTextStream('sim', 1);
    lines
      .flatMap((line) => {
        user.call(line);
        return wordsOf(line);
      })
      .map((word): [string, number] => [word, 1])
      .reduceByKey((a, b) => a + b)
      .collectAs('counts');
    lines.map(idOf).collectAs('ids');
  },
  outputs: {
    counts: { rows: (batch) => counted(flat(batch).flatMap(wordsOf)) },
    ids: { rows: (batch) => flat(batch).map(idOf) },
  },
};

const kernelCount: SimJob = {
  name: 'declared count',
  sources: ['text'],
  build(ssc) {
    ssc.socketTextStream('sim', 1).words().countByValue().collectAs('counts');
  },
  outputs: {
    counts: {
      rows: (batch) => counted(flat(batch).flatMap((line) => (line as string).split(' '))),
    },
  },
};

const countAndReduce: SimJob = {
  name: 'count and reduce',
  sources: ['text'],
  build(ssc, user) {
    const ids = ssc.socketTextStream('sim', 1).map((line) => {
      user.call(line);
      return idOf(line);
    });
    ids.count().collectAs('count');
    ids.reduce((a, b) => a + b).collectAs('sum');
  },
  outputs: {
    count: { rows: (batch) => [flat(batch).length] },
    sum: {
      rows: (batch) =>
        flat(batch).length === 0
          ? []
          : [flat(batch).reduce<number>((a, line) => a + idOf(line), 0)],
    },
  },
};

const groups: SimJob = {
  name: 'groupByKey',
  sources: ['rows'],
  build(ssc, user) {
    const pairs = ssc.inputStream<[number, string]>('rows').map((row): Pair => {
      user.call(row);
      return pairOfRow(row);
    });
    pairs.groupByKey().collectAs('groups');
    // Not commutative: parts must come in the order of their senders.
    pairs
      .combineByKey(
        (value) => [value],
        (list: number[], value) => [...list, value],
        (a, b) => [...a, ...b],
      )
      .collectAs('lists');
  },
  outputs: {
    groups: { rows: (batch) => grouped(flat(batch).map(pairOfRow)) },
    lists: { rows: (batch) => grouped(flat(batch).map(pairOfRow)) },
  },
};

const groupedLines: SimJob = {
  name: 'groupByKey of lines',
  sources: ['text'],
  build(ssc) {
    ssc
      .socketTextStream('sim', 1)
      .map(pairOfLine)
      .groupByKey(3)
      .mapValues((ids) => ids.map((id) => id * 2))
      .collectAs('groups');
  },
  outputs: {
    groups: {
      rows: (batch) =>
        grouped(flat(batch).map(pairOfLine)).map((pair) => [
          (pair as [string, number[]])[0],
          (pair as [string, number[]])[1].map((id) => id * 2),
        ]),
    },
  },
};

const dealt: SimJob = {
  name: 'repartition',
  sources: ['text'],
  build(ssc, user) {
    ssc
      .socketTextStream('sim', 1)
      .repartition(3)
      .mapPartitions((lines) =>
        [...lines].map((line) => {
          user.call(line);
          return idOf(line);
        }),
      )
      .collectAs('ids');
  },
  outputs: { ids: { rows: (batch) => flat(batch).map(idOf) } },
};

const diamond: SimJob = {
  name: 'union diamond',
  sources: ['text'],
  build(ssc, user) {
    const lines = ssc.socketTextStream('sim', 1);
    const pairs = lines.map(pairOfLine);
    const even = lines
      .filter((line) => {
        user.call(line);
        return idOf(line) % 2 === 0;
      })
      .map(pairOfLine);
    const long = lines.map(pairOfLine).repartition(2);
    pairs
      .union(even, long)
      .reduceByKey(sum)
      .map(([key, total]): [string, number] => [key.slice(0, 1), total])
      .reduceByKey((a, b) => a + b, 1)
      .collectAs('total');
    pairs.union(even).groupByKey().collectAs('groups');
  },
  outputs: {
    total: {
      rows: (batch) => {
        const pairs = flat(batch).map(pairOfLine);
        const all = [...pairs, ...pairs, ...pairs.filter(([, id]) => id % 2 === 0)];
        return summed(all.map(([key, id]) => [key.slice(0, 1), id]));
      },
    },
    groups: {
      // In the order of the union's partitions, though those of both parents lie in the same tasks.
      rows: ([lines]) => {
        const pairs = lines!.flat().map(pairOfLine);
        return grouped([...pairs, ...pairs.filter(([, id]) => id % 2 === 0)]);
      },
    },
  },
};

const twoSources: SimJob = {
  name: 'two sources',
  sources: ['text', 'rows'],
  build(ssc, user) {
    const lines = ssc.socketTextStream('sim', 1).map(pairOfLine);
    const rows = ssc.inputStream<[number, string]>('rows').map((row) => {
      user.call(row);
      return pairOfRow(row);
    });
    lines
      .union(rows)
      .reduceByKey((a, b) => a + b)
      .collectAs('sums');
    rows.map(([, id]) => id).collectAs('rows');
    lines.map(([, id]) => id).collectAs('lines');
  },
  outputs: {
    sums: {
      rows: ([lines, rows]) =>
        summed([...lines!.flat().map(pairOfLine), ...rows!.flat().map(pairOfRow)]),
    },
    rows: { ordered: true, rows: ([, rows]) => rows!.flat().map(idOf) },
    lines: { ordered: true, rows: ([lines]) => lines!.flat().map(idOf) },
  },
};

const manyOutputs: SimJob = {
  name: 'several outputs',
  sources: ['rows'],
  absent: true,
  foreach: ['each', 'late'],
  build(ssc, user) {
    const rows = ssc.inputStream<[number, string]>('rows');
    rows
      .map((row) => pairOfRow(row))
      .reduceByKey((a, b) => a + b)
      .collectAs('sums');
    rows.map(idOf).foreachBatch(async (batch: Batch<number>, time) => {
      await user.wait();
      user.call(batch.toArray().map((id) => [id]));
      user.delivered('each', time, batch.toArray());
    });
    rows.map(idOf).print();
    rows
      .countByValue()
      .map(([, n]) => n)
      .collectAs('tally');
    rows
      .map(idOf)
      .foreachBatch((batch: Batch<number>, time) => user.delivered('late', time, batch.toArray()));
  },
  outputs: {
    sums: { rows: (batch) => summed(flat(batch).map(pairOfRow)) },
    tally: { rows: (batch) => flat(batch).map(() => 1) },
    each: { ordered: true, rows: (batch) => flat(batch).map(idOf) },
    late: { ordered: true, rows: (batch) => flat(batch).map(idOf) },
  },
};

export const SIM_JOBS: readonly SimJob[] = [
  wordCount,
  kernelCount,
  countAndReduce,
  groups,
  groupedLines,
  dealt,
  diamond,
  twoSources,
  manyOutputs,
];
