import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import type { Graph } from '../../src/plan/graph.ts';
import { plan } from '../../src/plan/planner.ts';
import type { OpInstance, Plan, Send } from '../../src/plan/planned.ts';
import { regionsOf } from '../../src/plan/regions.ts';

/** One step of a random program: an operator, and which earlier streams it takes. */
const step = fc.record({
  operator: fc.constantFrom(
    'source',
    'map',
    'glom',
    'union',
    'groupByKey',
    'repartition',
    'partitionBy',
    'join',
    'count',
    'print',
    'collectAs',
  ),
  on: fc.nat(),
  and: fc.nat(),
  partitions: fc.integer({ min: 1, max: 4 }),
});

function build(
  steps: readonly { operator: string; on: number; and: number; partitions: number }[],
): Graph {
  const ssc = new ContextBuilder();
  const streams: DStream<unknown>[] = [ssc.queueStream<unknown>([])];
  const pick = (n: number): DStream<unknown> => streams[n % streams.length] as DStream<unknown>;
  steps.forEach(({ operator, on, and, partitions }, index) => {
    if (operator === 'source') streams.push(ssc.queueStream<unknown>([]));
    if (operator === 'map') streams.push(pick(on).map((x) => x));
    if (operator === 'glom') streams.push(pick(on).glom());
    if (operator === 'union') streams.push(pick(on).union(pick(and)));
    if (operator === 'groupByKey')
      streams.push((pick(on) as DStream<[unknown, unknown]>).groupByKey(partitions));
    if (operator === 'partitionBy')
      streams.push((pick(on) as DStream<readonly [unknown, unknown]>).partitionBy(partitions));
    if (operator === 'join')
      streams.push(
        (pick(on) as DStream<readonly [unknown, unknown]>).join(
          pick(and) as DStream<readonly [unknown, unknown]>,
          partitions,
        ),
      );
    if (operator === 'repartition') streams.push(pick(on).repartition(partitions));
    if (operator === 'count') streams.push(pick(on).count());
    if (operator === 'print') pick(on).print();
    if (operator === 'collectAs') pick(on).collectAs(`c${index}`);
  });
  streams.at(-1)?.print();
  return ssc.freeze();
}

/** Every send of the plan, with the partition that it sends and its task. */
function sendsOf(p: Plan): { task: number; partition: number; parent: number; send: Send }[] {
  const found: { task: number; partition: number; parent: number; send: Send }[] = [];
  const visit = (task: number, tree: OpInstance): void => {
    for (const send of tree.sends)
      found.push({ task, partition: tree.partition, parent: tree.node, send });
    for (const child of tree.children) visit(task, child);
  };
  for (const task of p.tasks) if (task.kind !== 'outputs') visit(task.id, task.tree);
  return found;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test('in the plan of any graph each task gets each partition of its parent exactly once (I2 to I5, I8)', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 14 }),
      fc.integer({ min: 0, max: 4 }),
      (steps, workers) => {
        const p = plan(build(steps), { workers });
        const { wiring } = p;
        const sends = sendsOf(p);
        const targets = [...new Set(sends.map((each) => each.send.node))];
        const outputs = p.tasks.at(-1);
        if (outputs?.kind !== 'outputs') throw new Error('the last task runs the outputs');

        const isOutput = (target: number): boolean => p.graph.nodes[target]!.role === 'output';
        for (const target of targets.filter(isOutput)) {
          const node = p.graph.nodes[target]!;
          const mine = sends.filter((each) => each.send.node === target);
          // I2: one sender for each partition of the parent.
          expect(mine.map(({ partition }) => partition).sort((a, b) => a - b)).toEqual(
            range(p.partitions[node.parents[0]!]!),
          );
          expect(mine.map(({ send }) => outputs.ports[send.port])).toEqual(
            mine.map(({ partition }) => ({ output: target, partition })),
          );
        }
        for (const target of targets.filter((each) => !isOutput(each))) {
          const node = p.graph.nodes[target]!;
          const mine = sends.filter((each) => each.send.node === target);
          const received: string[] = [];
          for (const task of p.tasks) {
            if (task.kind !== 'wide' || task.tree.node !== target) continue;
            const { arrivals } = task;
            // I4: by parent, then by partition; each (input, port) once.
            const places = arrivals.map(({ side, partition }) => side * 1000 + partition);
            expect(places).toEqual(places.toSorted((a, b) => a - b));
            expect(new Set(arrivals.map(({ input, port }) => `${input}:${port}`)).size).toBe(
              arrivals.length,
            );
            node.parents.forEach((parent, side) => {
              const came = arrivals.filter((each) => each.side === side);
              const all = range(p.partitions[parent]!);
              const isSame = came.length === 1 && node.exchange !== undefined;
              // I8: all partitions, or the one of the same number.
              expect(came.map(({ partition }) => partition)).toEqual(
                isSame && all.length > 1 ? [task.tree.partition] : all,
              );
            });
            for (const { input, port, partition } of arrivals) {
              const edge = wiring.edges[wiring.tasks[task.id]!.inputs[input]!]!;
              received.push(`${edge.from} ${port} ${partition} ${task.id}`);
            }
          }
          // Whatever is sent arrives, and the other way round.
          const sent = mine.flatMap(({ task, partition, send }) =>
            send.outputs.map((output) => {
              const edge = wiring.edges[wiring.tasks[task]!.outputs[output]!]!;
              return `${task} ${send.port} ${partition} ${edge.to}`;
            }),
          );
          expect(sent.toSorted()).toEqual(received.toSorted());
        }
        // I3, and nothing hangs loose: each task has an input, each edge is listed at both ends.
        const pairs = wiring.edges.map((edge) => `${edge.kind} ${edge.from} ${edge.to}`);
        expect(new Set(pairs).size).toBe(pairs.length);
        for (const edge of wiring.edges) {
          expect(wiring.tasks[edge.to]?.inputs).toContain(edge.id);
          const from =
            edge.kind === 'receiver' ? wiring.sources[edge.from] : wiring.tasks[edge.from];
          expect(from?.outputs).toContain(edge.id);
        }
        expect(wiring.tasks.every((task) => task.inputs.length > 0)).toBe(true);
        expect(wiring.tasks.every((task) => task.worker >= 0 && task.worker < wiring.workers)).toBe(
          true,
        );
        expect(regionsOf(wiring)).toEqual([range(wiring.tasks.length)]);
      },
    ),
    { numRuns: 200 },
  );
});

test('the same program is planned the same in every thread', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
      const [a, b] = [plan(build(steps), { workers: 3 }), plan(build(steps), { workers: 3 })];
      expect(b.wiring).toEqual(a.wiring);
      expect(b.tasks).toEqual(a.tasks);
    }),
    { numRuns: 50 },
  );
});
