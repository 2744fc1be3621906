import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../src/errors.ts';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { count, sum } from '../../src/dstream/reducers.ts';
import type { GraphNode } from '../../src/plan/graph.ts';
import { membersOfStreams } from './members.ts';

const nodeOf = (ssc: ContextBuilder, stream: DStream<never> | DStream<unknown>): GraphNode => {
  const node = ssc.graph().nodes[stream.id];
  if (node === undefined) throw new Error('no such node');
  return node;
};

/** The error that `act` throws. */
const refused = (act: () => unknown): MillraceError => {
  try {
    act();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('each operator adds one node', () => {
  test('that knows its parent, its user function and the line of the call', () => {
    const ssc = new ContextBuilder();
    const lines = ssc.inputStream<string>('lines');
    const f = (line: string): number => line.length;
    const lengths = lines.map(f);
    const node = nodeOf(ssc, lengths);
    expect(node).toMatchObject({
      id: 1,
      uid: 'map#1',
      kind: 'map',
      role: 'narrow',
      parents: [0],
      params: {},
    });
    expect(node.functions['f']).toBe(f);
    expect(node.callSite).toMatch(/test[/\\]dstream[/\\]dstream\.test\.ts:\d+:\d+$/);
  });

  test('at the line that is written in the file, not in what it was compiled to', () => {
    const ssc = new ContextBuilder();
    const first = ssc.inputStream<string>('lines');
    const second = first.trim();
    const third = second.trim();
    const lineOf = (stream: DStream<string>): number =>
      Number(nodeOf(ssc, stream).callSite.split(':').at(-2));
    expect([lineOf(second), lineOf(third)]).toEqual([lineOf(first) + 1, lineOf(first) + 2]);
  });

  test('and is called by its place among its like, whatever the others are called', () => {
    const ssc = new ContextBuilder();
    const a = ssc.inputStream<string>('a');
    a.map((x) => x).named('mine');
    a.filter(Boolean);
    a.map((x) => x);
    expect(ssc.graph().nodes.map((node) => node.uid)).toEqual([
      'inputStream#1',
      'mine',
      'filter#1',
      'map#2',
    ]);
  });

  test('whose parameters are plain data without holes', () => {
    const ssc = new ContextBuilder();
    const words = ssc.inputStream<string>('in');
    expect(nodeOf(ssc, words.countByValue()).params).toEqual({});
    expect(nodeOf(ssc, words.countByValue(3)).params).toEqual({ numPartitions: 3 });
    expect(nodeOf(ssc, words.split(',')).params).toEqual({ separator: ',' });
    expect(nodeOf(ssc, words.grep('a')).params).toEqual({ needle: 'a' });
    expect(nodeOf(ssc, words.grep(/a/gi)).params).toEqual({ source: 'a', flags: 'i' });
    const queue = [['a'], null];
    const node = nodeOf(ssc, ssc.queueStream(queue, { default: ['z'] }));
    expect(node.params).toEqual({ oneAtATime: true });
    expect(node.live).toEqual({ queue, default: ['z'] });
  });
});

describe('reduceByKey', () => {
  const ssc = new ContextBuilder();
  const pairs = ssc.inputStream<[string, number]>('pairs');

  test('is a combineByKey whose combiner is the value', () => {
    const f = (a: number, b: number): number => Math.max(a, b);
    const node = nodeOf(ssc, pairs.reduceByKey(f, 4));
    expect(node).toMatchObject({
      kind: 'combineByKey',
      role: 'wide',
      params: { operator: 'reduceByKey', mapSideCombine: true, numPartitions: 4 },
    });
    expect(node.functions['create']?.(7)).toBe(7);
    expect([node.functions['mergeValue'], node.functions['mergeCombiners']]).toEqual([f, f]);
  });

  test('recognises sum', () => {
    expect(nodeOf(ssc, pairs.reduceByKey(sum)).params['reducer']).toBe('sum');
    expect(nodeOf(ssc, pairs.map(([, n]) => n).reduce(sum)).params['reducer']).toBe('sum');
    expect(sum(1, 2)).toBe(3);
  });

  test('by count counts values of any kind', () => {
    const { functions, params } = nodeOf(
      ssc,
      ssc.inputStream<[string, string]>('texts').reduceByKey(count),
    );
    expect(params['reducer']).toBe('count');
    const two = functions['mergeValue']?.(functions['create']?.('x'), 'y') as number;
    expect(functions['mergeCombiners']?.(two, two)).toBe(4);
  });
});

describe('after the start', () => {
  test('every operator, source and output is refused by name and call site', () => {
    const ssc = new ContextBuilder('job "late"');
    const pairs = ssc.inputStream<[string, number]>('pairs');
    const text = ssc.inputStream<string>('text');
    text.print();
    const graph = ssc.freeze();
    const id = (x: unknown): never => x as never;
    const late: Readonly<Record<string, () => unknown>> = {
      map: () => text.map(id),
      flatMap: () => text.flatMap(id),
      filter: () => text.filter(id),
      mapPartitions: () => text.mapPartitions(id),
      glom: () => text.glom(),
      repartition: () => text.repartition(2),
      union: () => text.union(text),
      reduce: () => text.reduce(id),
      count: () => text.count(),
      countByValue: () => text.countByValue(),
      groupByKey: () => pairs.groupByKey(),
      reduceByKey: () => pairs.reduceByKey(id),
      combineByKey: () => pairs.combineByKey(id, id, id),
      mapValues: () => pairs.mapValues(id),
      flatMapValues: () => pairs.flatMapValues(id),
      words: () => text.words(),
      split: () => text.split(','),
      grep: () => text.grep('a'),
      fields: () => text.fields(','),
      parseJson: () => text.parseJson(),
      parseCsv: () => text.parseCsv(),
      trim: () => text.trim(),
      toLowerCase: () => text.toLowerCase(),
      print: () => text.print(),
      foreachBatch: () => text.foreachBatch(id),
      foreachRDD: () => text.foreachRDD(id),
      collectAs: () => text.collectAs('x'),
      named: () => text.named('x'),
      toTopology: () => text.toTopology(),
      socketTextStream: () => ssc.socketTextStream('h', 1),
      socketStream: () => ssc.socketStream('h', 1, id),
      textFileStream: () => ssc.textFileStream('/d'),
      fileStream: () => ssc.fileStream('/d'),
      binaryRecordsStream: () => ssc.binaryRecordsStream('/d', 4),
      receiverStream: () => ssc.receiverStream(() => id(0)),
      fromAsyncIterable: () => ssc.fromAsyncIterable(id),
      queueStream: () => ssc.queueStream([]),
      inputStream: () => ssc.inputStream('more'),
    };
    for (const [operator, act] of Object.entries(late)) {
      const error = refused(act);
      expect(error.code, operator).toBe('ERR_MILLRACE_GRAPH_FROZEN');
      expect(error.message).toMatch(
        new RegExp(`^${operator} at .*dstream\\.test\\.ts:\\d+:\\d+ .*job "late"`),
      );
      expect(error.context).toMatchObject({ operator });
    }
    expect(ssc.graph().nodes).toEqual(graph.nodes);
  });

  test('every other operator of streams is refused before anything else of it is looked at', () => {
    const ssc = new ContextBuilder('job "late"');
    const stream = ssc.inputStream('text');
    stream.print();
    ssc.freeze();
    const operators = membersOfStreams().filter((name) => name !== 'slice');
    expect(operators.length).toBeGreaterThan(60);
    for (const operator of operators) {
      const act = (stream as never as Readonly<Record<string, () => unknown>>)[operator]!;
      const error = refused(() => act.call(stream));
      expect(error.code, operator).toBe('ERR_MILLRACE_GRAPH_FROZEN');
      expect(error.message).toContain(`${operator} at `);
    }
  });
});

describe('bad input', () => {
  const ssc = new ContextBuilder();
  const text = ssc.inputStream<string>('text');
  const pairs = ssc.inputStream<[string, number]>('pairs');
  text.named('taken').collectAs('result');
  const bad = (value: unknown): never => value as never;

  test.each<[string, string, () => unknown]>([
    ['map', 'f must be a function; it is "x"', () => text.map(bad('x'))],
    ['filter', 'f must be a function; it is null', () => text.filter(bad(null))],
    ['mapValues', 'f must be a function; it is undefined', () => pairs.mapValues(bad(undefined))],
    ['reduce', 'f must be a function; it is an object', () => text.reduce(bad(count))],
    ['reduceByKey', 'f must be a function; it is 3', () => pairs.reduceByKey(bad(3))],
    [
      'combineByKey',
      'mergeCombiners must be a function',
      () =>
        pairs.combineByKey(
          (v) => v,
          (a) => a,
          bad(0),
        ),
    ],
    [
      'combineByKey',
      'mapSideCombine must be true or false',
      () =>
        pairs.combineByKey(
          (v) => v,
          (a) => a,
          (a) => a,
          1,
          bad(1),
        ),
    ],
    [
      'repartition',
      'numPartitions must be a whole number of at least 1; it is 0',
      () => text.repartition(0),
    ],
    ['repartition', 'it is undefined', () => text.repartition(bad(undefined))],
    ['countByValue', 'it is 1.5', () => text.countByValue(1.5)],
    ['groupByKey', 'it is "2"', () => pairs.groupByKey(bad('2'))],
    ['reduceByKey', 'it is NaN', () => pairs.reduceByKey(sum, Number.NaN)],
    ['print', 'n must be a whole number of at least 0; it is -1', () => text.print(-1)],
    ['foreachBatch', 'f must be a function', () => text.foreachBatch(bad({}))],
    ['collectAs', 'name must be text that is not empty; it is ""', () => text.collectAs('')],
    ['collectAs', 'another than that of the stream collected at ', () => text.collectAs('result')],
    ['split', 'separator must be text', () => text.split(bad(/,/))],
    ['grep', 'pattern must be text or a regular expression; it is 1', () => text.grep(bad(1))],
    ['grep', 'without the flag y', () => text.grep(/a/y)],
    ['named', 'the name "taken" is taken by the operator at ', () => pairs.named('taken')],
    ['named', 'without "#"', () => pairs.named('map#1')],
    ['union', 'stream 2 must be a stream; it is an array', () => text.union(bad([]))],
    [
      'union',
      'a stream of the context',
      () => text.union(new ContextBuilder('job "b"').inputStream<string>('x')),
    ],
    ['union', 'at least one stream; it is "an empty array"', () => ssc.union([])],
    ['socketTextStream', 'host must be text that is not empty', () => ssc.socketTextStream('', 1)],
    [
      'socketTextStream',
      'port must be a whole number from 1 to 65535; it is 65536',
      () => ssc.socketTextStream('h', 65_536),
    ],
    [
      'socketTextStream',
      'port must be a whole number from 1 to 65535; it is 0',
      () => ssc.socketTextStream('h', 0),
    ],
    ['socketTextStream', 'it is "9999"', () => ssc.socketTextStream('h', bad('9999'))],
    [
      'socketTextStream',
      'there is no option "maxLine"; the options are hello, maxLineBytes',
      () => ssc.socketTextStream('h', 1, bad({ maxLine: 1 })),
    ],
    [
      'socketTextStream',
      'hello must be a function',
      () => ssc.socketTextStream('h', 1, bad({ hello: 'hi' })),
    ],
    [
      'socketTextStream',
      'maxLineBytes must be a whole number of at least 1',
      () => ssc.socketTextStream('h', 1, { maxLineBytes: 0 }),
    ],
    [
      'socketTextStream',
      "onLongLine must be 'fail', 'cut' or 'skip'; it is \"drop\"",
      () => ssc.socketTextStream('h', 1, bad({ onLongLine: 'drop' })),
    ],
    [
      'socketTextStream',
      "encoding must be 'utf8'",
      () => ssc.socketTextStream('h', 1, bad({ encoding: 'latin1' })),
    ],
    ['textFileStream', 'directory must be text', () => ssc.textFileStream(bad(undefined))],
    [
      'textFileStream',
      'newFilesOnly must be true or false',
      () => ssc.textFileStream('/d', bad({ newFilesOnly: 1 })),
    ],
    [
      'queueStream',
      'queue must be an array of arrays; it is an object',
      () => ssc.queueStream(bad({})),
    ],
    [
      'queueStream',
      'queue[1] must be an array, or null; it is 2',
      () => ssc.queueStream(bad([[1], 2])),
    ],
    ['queueStream', 'default must be an array', () => ssc.queueStream([[1]], bad({ default: 1 }))],
    ['inputStream', 'another than that of the input made at ', () => ssc.inputStream('text')],
  ])('%s: %s', (operator, message, act) => {
    const error = refused(act);
    expect(error.code).toBe('ERR_MILLRACE_BAD_OPTION');
    expect(error.message).toMatch(new RegExp(`^${operator} at .*dstream\\.test\\.ts:\\d+:\\d+: `));
    expect(error.message).toContain(message);
    expect(error.context).toMatchObject({
      operator,
      callSite: expect.stringContaining('dstream.test.ts'),
    });
  });
});

describe('a graph without output', () => {
  test('is refused and its last operator named', () => {
    const ssc = new ContextBuilder('job "mute"');
    ssc.inputStream<string>('in').words();
    const error = refused(() => ssc.validate());
    expect(error.code).toBe('ERR_MILLRACE_NO_OUTPUT');
    expect(error.message).toMatch(/^job "mute" has no output.*words#1 at .*dstream\.test\.ts/);
  });

  test('is refused when it is empty', () => {
    expect(refused(() => new ContextBuilder().validate()).message).toContain(
      'it has no stream either',
    );
  });

  test('is no more once one stream has an output', () => {
    const ssc = new ContextBuilder();
    ssc.inputStream<string>('in').print();
    expect(() => ssc.validate()).not.toThrow();
  });
});

test('a sources name is its uid, and a socket has the documented defaults', () => {
  const ssc = new ContextBuilder();
  const hello = (): string => 'go on\n';
  expect(nodeOf(ssc, ssc.socketTextStream('h', 1, { name: 'clicks', hello }))).toMatchObject({
    uid: 'clicks',
    kind: 'socket',
    functions: { hello },
    params: { host: 'h', port: 1, maxLineBytes: 1_048_576, onLongLine: 'fail', encoding: 'utf8' },
  });
  expect(nodeOf(ssc, ssc.textFileStream('/d')).params).toEqual({
    directory: '/d',
    format: 'text',
    newFilesOnly: true,
    settleMs: 1000,
    rememberMs: 60_000,
    compression: 'auto',
    maxLineBytes: 1_048_576,
    onBadRecord: 'fail',
    onLongLine: 'fail',
  });
});
