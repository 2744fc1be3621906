/**
 * A loop as a chain of closures, for threads in which code may not be generated. It does what `compile.ts` writes, step
 * for step, at some three times the cost a record; tests run every case in both forms.
 */
import type { ApplyStep, SinkStep, Step } from './chain.ts';
import type { Loop, PassOverAt, Shape } from './loop.ts';
import { parserOf } from './parse.ts';
import { placeAt } from './placing.ts';
import { itemsOf, notPair } from './records.ts';
import type {
  CollectPairsSink,
  CollectSink,
  CountSink,
  GroupSink,
  OutputPairsSink,
  OutputSink,
  ReduceSink,
  Sink,
  SpreadSink,
  TableSink,
} from './sinks.ts';
import type { StageSink } from './stage-sink.ts';
import { grepTest, lowerOf, splitOf, trimOf, wordsOf } from './text.ts';

/** Set while the loop runs; who is at work, on what. */
interface Scene {
  sinks: readonly Sink[];
  op: number;
  record: unknown;
  passOver: PassOverAt | undefined;
}

/** In place of what a function gives: its record is passed over. */
const PASSED = Symbol('passed');

/** Takes records one by one, as they are or as key and value. */
interface Consumer {
  row(record: unknown): void;
  pair(key: unknown, value: unknown): void;
}

export function interpretLoop(steps: readonly Step[], shape: Shape): Loop {
  const scene: Scene = { sinks: [], op: 0, record: undefined, passOver: undefined };
  const first = all(steps, scene);
  return (a, b, sinks, blame, passOver) => {
    scene.sinks = sinks;
    scene.passOver = passOver;
    try {
      if (shape === 'rows') for (let i = 0; i < a.length; i++) first.row(a[i]);
      else for (let i = 0; i < a.length; i++) first.pair(a[i], b[i]);
    } catch (error) {
      blame(error, scene.op, scene.record);
    } finally {
      scene.sinks = [];
      scene.record = undefined;
    }
  };
}

function all(steps: readonly Step[], scene: Scene): Consumer {
  const consumers = steps.map((step) =>
    step.step === 'apply' ? apply(step, scene) : sink(step, scene),
  );
  const [only] = consumers;
  if (consumers.length === 1) return only!;
  return {
    row: (record) => {
      for (const consumer of consumers) consumer.row(record);
    },
    pair: (key, value) => {
      for (const consumer of consumers) consumer.pair(key, value);
    },
  };
}

function apply(step: ApplyStep, scene: Scene): Consumer {
  const { node, op } = step;
  const next = all(step.next, scene);
  const use = node.functions['f']!;
  const guarded = <A, T>(call: (value: A) => T): ((value: A) => T) =>
    step.passesOver ? passingOver(call, scene) : call;
  switch (node.kind) {
    case 'map': {
      const f = guarded(use);
      return onRows(op, scene, (record) => {
        const given: unknown = f(record);
        if (given !== PASSED) next.row(given);
      });
    }
    case 'peek': {
      const f = guarded(use);
      return onRows(op, scene, (record) => {
        const given: unknown = f(record);
        if (given !== PASSED) next.row(record);
      });
    }
    case 'filter': {
      const f = guarded(use);
      return onRows(op, scene, (record) => {
        const given: unknown = f(record);
        if (given !== PASSED && given) next.row(record);
      });
    }
    case 'grep': {
      const test: (record: unknown) => unknown = guarded(grepTest(node.params));
      return onRows(op, scene, (record) => {
        const given = test(record);
        if (given !== PASSED && given) next.row(record);
      });
    }
    case 'flatMap':
      return eachRow(
        op,
        scene,
        guarded((record) => itemsOf(use(record))),
        next,
      );
    case 'fields':
    case 'parseJson':
    case 'parseCsv': {
      const f = guarded(parserOf(node));
      return onRows(op, scene, (record) => {
        const given: unknown = f(record);
        if (given !== PASSED && given !== undefined) next.row(given);
      });
    }
    case 'words':
      return eachRow(op, scene, guarded(wordsOf), next);
    case 'split': {
      const separator = node.params['separator'] as string;
      return eachRow(
        op,
        scene,
        guarded((record) => splitOf(record, separator)),
        next,
      );
    }
    case 'trim':
    case 'toLowerCase': {
      const f: (record: unknown) => unknown = guarded(node.kind === 'trim' ? trimOf : lowerOf);
      return onRows(op, scene, (record) => {
        const given = f(record);
        if (given !== PASSED) next.row(given);
      });
    }
    case 'mapValues': {
      const f = guarded(use);
      return onPairs(step, scene, (key, value) => {
        const given: unknown = f(value);
        if (given !== PASSED) next.pair(key, given);
      });
    }
    case 'flatMapValues': {
      const f = guarded((value) => itemsOf(use(value)));
      return onPairs(step, scene, (key, value) => {
        const items: unknown = f(value);
        if (items === PASSED) return;
        for (const each of items as readonly unknown[]) next.pair(key, each);
      });
    }
    default:
      throw new TypeError(`${node.kind} is no operator for single records`);
  }
}

function sink(step: SinkStep, scene: Scene): Consumer {
  const { slot, op, node } = step;
  switch (step.sink) {
    case 'combine': {
      const { create, mergeValue } = node.functions;
      return onPairs(step, scene, (key, value) => {
        const { table } = scene.sinks[slot] as TableSink;
        const at = table.find(key);
        if (at >= 0) table.values[at] = mergeValue!(table.values[at], value);
        else table.add(key, create!(value));
      });
    }
    case 'tally':
      return onRows(op, scene, (record) => {
        const { table } = scene.sinks[slot] as TableSink;
        const at = table.find(record);
        if (at >= 0) table.values[at] = (table.values[at] as number) + 1;
        else table.add(record, 1);
      });
    case 'group': {
      const place = placeAt(node, step.send!.outputs.length);
      return onPairs(step, scene, (key, value) => {
        const { keys, values } = scene.sinks[slot] as GroupSink;
        const p = place(key);
        keys[p]!.push(key);
        values[p]!.push(value);
      });
    }
    case 'spread':
      return onRows(op, scene, (record) => {
        const spread = scene.sinks[slot] as SpreadSink;
        spread.rows[spread.next]!.push(record);
        if (++spread.next === spread.rows.length) spread.next = 0;
      });
    case 'reduce': {
      const f = node.functions['f']!;
      return onRows(op, scene, (record) => {
        const reduce = scene.sinks[slot] as ReduceSink;
        reduce.value = reduce.has ? f(reduce.value, record) : record;
        reduce.has = true;
      });
    }
    case 'count':
      return onRows(op, scene, () => {
        (scene.sinks[slot] as CountSink).count++;
      });
    case 'output':
    case 'stage':
    case 'collect':
      return onRows(op, scene, (record) => {
        (scene.sinks[slot] as OutputSink | StageSink | CollectSink).rows.push(record);
      });
    case 'outputPairs':
    case 'collectPairs':
      return onPairs(step, scene, (key, value) => {
        const { keys, values } = scene.sinks[slot] as OutputPairsSink | CollectPairsSink;
        keys.push(key);
        values.push(value);
      });
  }
}

/** A call that gives PASSED where it would throw, and has the record in hand passed over. */
function passingOver<A, T>(call: (value: A) => T, scene: Scene): (value: A) => T {
  return (value) => {
    try {
      return call(value);
    } catch (error) {
      scene.passOver!(error, scene.op, scene.record);
      return PASSED as T;
    }
  };
}

function eachRow(
  op: number,
  scene: Scene,
  f: (record: unknown) => readonly unknown[],
  next: Consumer,
): Consumer {
  return onRows(op, scene, (record) => {
    const items: unknown = f(record);
    if (items === PASSED) return;
    for (const each of items as readonly unknown[]) next.row(each);
  });
}

function onRows(op: number, scene: Scene, use: (record: unknown) => void): Consumer {
  const row = (record: unknown): void => {
    scene.op = op;
    scene.record = record;
    use(record);
  };
  return { row, pair: (key, value) => row([key, value]) };
}

function onPairs(
  { op, passesOver }: { readonly op: number; readonly passesOver?: boolean },
  scene: Scene,
  use: (key: unknown, value: unknown) => void,
): Consumer {
  const pair = (key: unknown, value: unknown, record: unknown): void => {
    scene.op = op;
    scene.record = record;
    use(key, value);
  };
  return {
    row: (record) => {
      if (!Array.isArray(record)) {
        scene.op = op;
        scene.record = record;
        if (passesOver !== true) notPair(record);
        passingOver(notPair, scene)(record);
        return;
      }
      pair((record as unknown[])[0], (record as unknown[])[1], record);
    },
    pair: (key, value) => pair(key, value, [key, value]),
  };
}
