import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { plan, sourceNode } from '../../src/plan/planner.ts';
import type { OpInstance, Plan, Send } from '../../src/plan/planned.ts';

const wordCount = (ssc: ContextBuilder): DStream<[string, number]> =>
  ssc
    .socketTextStream('localhost', 9999)
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1] as const)
    .reduceByKey((a, b) => a + b);

const planned = (
  build: (ssc: ContextBuilder) => void,
  workers: number,
  sourcePartitions?: number,
): Plan => {
  const ssc = new ContextBuilder();
  build(ssc);
  return plan(
    ssc.freeze(),
    sourcePartitions === undefined ? { workers } : { workers, sourcePartitions },
  );
};

const uid = (p: Plan, node: number): string => p.graph.nodes[node]?.uid ?? '?';

/** A tree in one line: `a[0] > b[0] => c`. */
const drawn = (p: Plan, tree: OpInstance): string => {
  const ways = [
    ...tree.children.map((child) => `> ${drawn(p, child)}`),
    ...tree.sends.map((send) => `=> ${uid(p, send.node)}:${send.port}`),
  ];
  const name = `${uid(p, tree.node)}[${tree.partition}]`;
  return ways.length === 1 ? `${name} ${ways[0]}` : `${name} (${ways.join(' | ')})`;
};

const trees = (p: Plan): string[] =>
  p.tasks.flatMap((task) => (task.kind === 'outputs' ? [] : [drawn(p, task.tree)]));

const edges = (p: Plan): string[] =>
  p.wiring.edges.map((edge) => {
    const from = edge.kind === 'receiver' ? `source ${edge.from}` : p.wiring.tasks[edge.from]?.name;
    return `${from} -> ${p.wiring.tasks[edge.to]?.name}`;
  });

const names = (p: Plan): string[] => p.wiring.tasks.map((task) => task.name);

describe('the word count', () => {
  test('on one worker is a source task, a keyed task and the outputs', () => {
    const p = planned((ssc) => wordCount(ssc).print(), 1);
    expect(names(p)).toEqual(['socketTextStream#1[0]', 'reduceByKey#1[0]', 'outputs']);
    expect(trees(p)).toEqual([
      'socketTextStream#1[0] > flatMap#1[0] > map#1[0] => reduceByKey#1:0',
      'reduceByKey#1[0] => print#1:0',
    ]);
    expect(edges(p)).toEqual([
      'source 0 -> socketTextStream#1[0]',
      'socketTextStream#1[0] -> reduceByKey#1[0]',
      'reduceByKey#1[0] -> outputs',
    ]);
    expect(p.wiring.tasks.map((task) => task.worker)).toEqual([0, 0, 0]);
  });

  test('on two workers exchanges between both, and each partition stays on its worker', () => {
    const p = planned((ssc) => wordCount(ssc).print(), 2);
    expect(names(p)).toEqual([
      'socketTextStream#1[0]',
      'socketTextStream#1[1]',
      'reduceByKey#1[0]',
      'reduceByKey#1[1]',
      'outputs',
    ]);
    expect(edges(p)).toEqual([
      'source 0 -> socketTextStream#1[0]',
      'source 0 -> socketTextStream#1[1]',
      'socketTextStream#1[0] -> reduceByKey#1[0]',
      'socketTextStream#1[0] -> reduceByKey#1[1]',
      'socketTextStream#1[1] -> reduceByKey#1[0]',
      'socketTextStream#1[1] -> reduceByKey#1[1]',
      'reduceByKey#1[0] -> outputs',
      'reduceByKey#1[1] -> outputs',
    ]);
    expect(p.wiring.tasks.map((task) => task.worker)).toEqual([0, 1, 0, 1, 0]);
    expect(p.wiring.sources).toEqual([{ id: 0, name: 'socketTextStream#1', outputs: [0, 1] }]);
    expect(sourceNode(p, 0).params['port']).toBe(9999);
    // Each keyed task hears sender 0 first.
    expect(p.wiring.tasks[3]?.inputs).toEqual([3, 5]);
    const last = p.tasks.at(-1);
    expect(last?.kind === 'outputs' && last.ports).toEqual([
      { output: 4, partition: 0 },
      { output: 4, partition: 1 },
    ]);
  });

  test('with threads 0 is planned for the one worker of the calling thread', () => {
    expect(planned((ssc) => wordCount(ssc).print(), 0).wiring.workers).toBe(1);
  });
});

describe('numbers of partitions', () => {
  test('are those asked for, the parallelism, or one for count and reduce', () => {
    const p = planned((ssc) => {
      const counts = ssc.queueStream([['a']]).countByValue(5);
      counts
        .repartition(3)
        .mapValues((n) => n * 2)
        .print();
      counts.count().print();
      counts.groupByKey().glom().print();
      ssc
        .queueStream([[1]])
        .reduce((a, b) => a + b)
        .print();
    }, 2);
    const of = Object.fromEntries(p.graph.nodes.map((node) => [node.uid, p.partitions[node.id]]));
    expect(of).toMatchObject({
      'queueStream#1': 2,
      'countByValue#1': 5,
      'repartition#1': 3,
      'mapValues#1': 3,
      'count#1': 1,
      'groupByKey#1': 2,
      'glom#1': 2,
      'reduce#1': 1,
    });
  });

  test('of sources can be set apart from the parallelism', () => {
    const p = planned((ssc) => ssc.inputStream<string>('in').countByValue().print(), 2, 3);
    expect(p.partitions).toEqual([3, 2, 2]);
    expect(p.wiring.tasks.map((task) => task.worker)).toEqual([0, 1, 0, 0, 1, 1]);
  });
});

describe('unions', () => {
  test('renumber the partitions of their parents and make no task of their own', () => {
    const p = planned((ssc) => {
      const a = ssc.queueStream([[1]]).named('a');
      const b = ssc.queueStream([[2]]).named('b');
      a.union(b)
        .filter((n) => n > 0)
        .print();
    }, 2);
    expect(trees(p)).toEqual([
      'a[0] > union#1[0] > filter#1[0] => print#1:0',
      'a[1] > union#1[1] > filter#1[1] => print#1:1',
      'b[0] > union#1[2] > filter#1[2] => print#1:2',
      'b[1] > union#1[3] > filter#1[3] => print#1:3',
    ]);
  });

  test('of a stream with itself give each record twice', () => {
    const p = planned((ssc) => {
      const a = ssc.queueStream([[1]]).named('a');
      a.union(a, a).print();
    }, 1);
    expect(trees(p)).toEqual([
      'a[0] (> union#1[0] => print#1:0 | > union#1[1] => print#1:1 | > union#1[2] => print#1:2)',
    ]);
  });

  test('of two branches share the edge to a keyed task, told apart by ports in the order of partitions (I3, I4)', () => {
    const p = planned((ssc) => {
      const a = ssc.queueStream([['x']]).named('a');
      const first = a.map((x) => [x, 1] as const);
      const second = a.map((x) => [x, 2] as const);
      second.union(first).groupByKey(1).print();
    }, 2);
    expect(trees(p).slice(0, 2)).toEqual([
      'a[0] (> map#1[0] > union#1[2] => groupByKey#1:1 | > map#2[0] > union#1[0] => groupByKey#1:0)',
      'a[1] (> map#1[1] > union#1[3] => groupByKey#1:1 | > map#2[1] > union#1[1] => groupByKey#1:0)',
    ]);
    expect(edges(p).filter((edge) => edge.endsWith('groupByKey#1[0]'))).toHaveLength(2);
  });

  test('put the inputs of a keyed task in the order of the union, not of the graph (I4)', () => {
    const p = planned((ssc) => {
      const a = ssc.queueStream([['x']]).named('a');
      const b = ssc.queueStream([['y']]).named('b');
      b.union(a)
        .map((x) => [x, 1] as const)
        .groupByKey(1)
        .print();
    }, 1);
    const inputs = p.wiring.tasks[2]?.inputs.map(
      (edge) => p.wiring.tasks[p.wiring.edges[edge]?.from ?? -1]?.name,
    );
    expect(inputs).toEqual(['b[0]', 'a[0]']);
  });
});

describe('what lies by key already', () => {
  const pairs = (ssc: ContextBuilder): DStream<readonly [string, number]> =>
    ssc.queueStream<readonly [string, number]>([]).named('a');
  const count = (values: readonly number[], state: number = 0): number => state + values.length;
  const by = { numPartitions: 2, partition: (key: string) => key.length % 2 };
  const arrivals = (p: Plan, name: string): string[] =>
    p.tasks.flatMap((task) =>
      task.kind !== 'wide' || uid(p, task.tree.node) !== name
        ? []
        : [
            task.arrivals
              .map(({ input, port, side, partition }) => {
                const { inputs } = p.wiring.tasks[task.id]!;
                const { from } = p.wiring.edges[inputs[input]!]!;
                return `${p.wiring.tasks[from]!.name}:${port} is ${side}.${partition}`;
              })
              .join(', '),
          ],
    );

  test('needs no exchange for a keyed operator, which is part of its task (I8)', () => {
    const p = planned(
      (ssc) =>
        pairs(ssc)
          .reduceByKey((a, b) => a + b)
          .mapValues((n) => n + 1)
          .updateStateByKey(count)
          .partitionBy(2)
          .print(),
      2,
    );
    expect(trees(p).slice(2)).toEqual(
      [0, 1].map(
        (n) =>
          `reduceByKey#1[${n}] > mapValues#1[${n}] > updateStateByKey#1[${n}] > partitionBy#1[${n}] => print#1:${n}`,
      ),
    );
  });

  test.each<readonly [string, (ssc: ContextBuilder) => DStream<unknown>]>([
    ['another number', (ssc) => pairs(ssc).countByKey(3).updateStateByKey(count)],
    ['another partitioner', (ssc) => pairs(ssc).countByKey(by).updateStateByKey(count)],
    [
      'a function that may change keys',
      (ssc) =>
        pairs(ssc)
          .countByKey()
          .map((pair) => pair)
          .updateStateByKey(count),
    ],
    [
      'a function of partitions',
      (ssc) =>
        pairs(ssc)
          .countByKey()
          .mapPartitions((all) => all)
          .updateStateByKey(count),
    ],
    [
      'a union',
      (ssc) => {
        const counts = pairs(ssc).countByKey();
        return counts.union(counts).updateStateByKey(count);
      },
    ],
  ])('is exchanged behind %s', (_, build) => {
    const p = planned((ssc) => build(ssc).print(), 2);
    expect(names(p)).toContain('updateStateByKey#1[0]');
  });

  test('stays where it is behind a partitioner, and functions of partitions that say so', () => {
    const p = planned(
      (ssc) =>
        pairs(ssc)
          .partitionBy(by)
          .mapPartitionsWithIndex((_, all) => all, true)
          .filter(() => true)
          .partitionBy(by)
          .print(),
      3,
    );
    expect(names(p).filter((name) => name.startsWith('partitionBy'))).toEqual([
      'partitionBy#1[0]',
      'partitionBy#1[1]',
    ]);
  });

  test('goes to a join from partition p to partition p; the other side is exchanged', () => {
    const p = planned((ssc) => {
      const a = pairs(ssc);
      a.countByKey().join(a).print();
    }, 2);
    expect(edges(p).filter((edge) => edge.includes('-> join'))).toEqual([
      'countByKey#1[0] -> join#1[0]',
      'countByKey#1[1] -> join#1[1]',
      'a[0] -> join#1[0]',
      'a[0] -> join#1[1]',
      'a[1] -> join#1[0]',
      'a[1] -> join#1[1]',
    ]);
    expect(arrivals(p, 'join#1')).toEqual([
      'countByKey#1[0]:0 is 0.0, a[0]:0 is 1.0, a[1]:0 is 1.1',
      'countByKey#1[1]:0 is 0.1, a[0]:0 is 1.0, a[1]:0 is 1.1',
    ]);
  });

  test('of one stream twice has two ports on one edge', () => {
    const p = planned((ssc) => {
      const counts = pairs(ssc).countByKey();
      counts.cogroup(counts).print();
    }, 2);
    expect(arrivals(p, 'cogroup#1')).toEqual([
      'countByKey#1[0]:0 is 0.0, countByKey#1[0]:1 is 1.0',
      'countByKey#1[1]:0 is 0.1, countByKey#1[1]:1 is 1.1',
    ]);
  });
});

describe('several outputs', () => {
  const build = (ssc: ContextBuilder): void => {
    const counts = wordCount(ssc);
    counts.print();
    counts.filter(([, n]) => n > 1).foreachBatch(() => {});
    counts.count().collectAs('n');
  };

  test('run in one task, with ports counted over the partitions of each in turn (I5)', () => {
    const p = planned(build, 2);
    const last = p.tasks.at(-1);
    expect(
      last?.kind === 'outputs' &&
        last.ports.map((port) => `${uid(p, port.output)}[${port.partition}]`),
    ).toEqual([
      'print#1[0]',
      'print#1[1]',
      'foreachBatch#1[0]',
      'foreachBatch#1[1]',
      'collectAs#1[0]',
    ]);
  });

  test('share one edge from each sender (I3)', () => {
    const p = planned(build, 2);
    expect(trees(p)[2]).toBe(
      'reduceByKey#1[0] (> filter#1[0] => foreachBatch#1:2 | => print#1:0 | => count#1:0)',
    );
    expect(edges(p).filter((edge) => edge === 'reduceByKey#1[0] -> outputs')).toHaveLength(1);
    const sends: Send[] = [];
    const visit = (tree: OpInstance): void => {
      sends.push(...tree.sends);
      tree.children.forEach(visit);
    };
    const keyed = p.tasks[2];
    if (keyed?.kind !== 'wide') throw new Error('not the keyed task');
    visit(keyed.tree);
    // Edge 0 goes to count#1; print and foreachBatch share edge 1.
    expect(sends.map((send) => [uid(p, send.node), send.outputs])).toEqual([
      ['print#1', [1]],
      ['count#1', [0]],
      ['foreachBatch#1', [1]],
    ]);
  });

  test('take with them only what leads to them (I1)', () => {
    const p = planned((ssc) => {
      ssc.queueStream([[0]]).map((n) => n + 1);
      const counts = wordCount(ssc);
      counts.mapValues((n) => n * 2);
      counts.print();
    }, 1);
    expect(names(p)).toEqual(['socketTextStream#1[0]', 'reduceByKey#1[0]', 'outputs']);
    expect(p.wiring.sources.map((source) => source.name)).toEqual(['socketTextStream#1']);
    expect(trees(p)[1]).toBe('reduceByKey#1[0] => print#1:0');
  });
});

test('a graph without output is refused', () => {
  expect(() => planned((ssc) => void wordCount(ssc), 1)).toThrow(
    expect.objectContaining({ code: 'ERR_MILLRACE_NO_OUTPUT' }),
  );
});
