/** Sources at work in whole jobs: in the calling thread, on worker threads, and when the thread of the sources dies. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Receiver, StreamingContext } from 'millrace';
import { type BatchesResult, runBatches } from 'millrace/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import sources, { TAKEN, WORKED, type SourcesArgs } from '../fixtures/jobs/sources.ts';
import { WatchedRun } from '../chaos/watched-run.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-sources-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array, seconds?: number): void {
  writeFileSync(join(directory, name), content);
  if (seconds !== undefined) utimesSync(join(directory, name), seconds, seconds);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const ascending = (a: number, b: number): number => a - b;

describe('files of all formats', () => {
  const values = (out: BatchesResult, name: string): unknown[][] =>
    out.collected[name]!.map((batch) => [...batch.values]);

  it.each([0, 2])('are in the batch of their time, threads: %i', async (threads) => {
    for (const name of ['json', 'csv', 'binary', 'text-1', 'text-2'])
      mkdirSync(join(directory, name));
    put('json/a', '{"n":1}\n\n{"n":2}\nno json\n[3]', 0.05);
    put('json/b.gz', gzipSync('null\n"text"\n'), 0.15);
    put('csv/a', 'name,n\n"x, ""y""\nz",1\nlost\n\nb,2\n', 0.05);
    put('csv/b', 'n,other\n1,2', 0.15);
    put('binary/a', Buffer.from([0, 0, 0, 7, 0, 0, 1, 0]), 0.05);
    put('text-1/a', 'a,b\n1,2\n', 0.05);
    put('text-2/b', '"q,1",2\n', 0.06);
    const out = await runBatches(
      { threads, batches: 2, args: { kind: 'formats', directory } },
      sources,
    );
    expect(out.errors).toEqual([]);
    expect(values(out, 'json')).toEqual([
      [{ n: 1 }, { n: 2 }, [3]],
      [null, 'text'],
    ]);
    expect(values(out, 'csv')).toEqual([
      [
        { name: 'x, "y"\nz', n: '1' },
        { name: 'b', n: '2' },
      ],
      [{ n: '1', other: '2' }],
    ]);
    expect(values(out, 'binary')).toEqual([[7, 256], []]);
    expect(values(out, 'fields')[0]).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['"q', '1"', '2'],
    ]);
    expect(values(out, 'parsed')[0]).toEqual([]);
    expect(values(out, 'rows')[0]).toEqual([
      { a: '1', b: '2' },
      { a: 'q,1', b: '2' },
    ]);
  });

  it('a broken line fails its batch and is named with file and line, operator and call site', async () => {
    put('a', '{"n":1}\n{"n":\n', 0.05);
    const out = await runBatches({ batches: 2, batchInterval: 100 }, (ssc) =>
      ssc.fileStream(directory, { format: 'json', newFilesOnly: false }),
    );
    expect(out.errors).toMatchObject([
      {
        time: 100,
        error: {
          code: 'ERR_MILLRACE_BAD_RECORD',
          message: expect.stringMatching(
            /fileStream#1\) at .*sources\.test\.ts:\d+:\d+: line 2 of .*\/a is no JSON \(.*\); record: '\{"n":'/,
          ),
          context: { file: join(directory, 'a'), line: 2 },
        },
      },
    ]);
  });

  it('or is a dead letter: told of once, counted, and the other records are there', async () => {
    for (const name of ['json', 'csv', 'binary', 'text-1']) mkdirSync(join(directory, name));
    put('json/a', '{"n":1}\n{"n":\n');
    put('csv/a', 'a,b\n1,2\n3\n');
    put('binary/a', Buffer.from([0, 0, 0, 7, 1]));
    put('json/b.gz', gzipSync('{"n":2}\n'.repeat(9)).subarray(0, -9));
    const watched = await WatchedRun.start(
      'sources.ts',
      { threads: 2, args: { kind: 'formats', directory } } as never,
      ['json', 'csv', 'binary'],
    );
    await watched.until('all letters', () => watched.run.deadLetters().length >= 4);
    await watched.batchesPass(3);
    await watched.run.stop();
    // The first of them may have been told before anybody listened.
    const letters = watched.run.deadLetters().toSorted((a, b) => (a.record < b.record ? -1 : 1));
    expect(letters).toMatchObject([
      {
        reason: 'recordError',
        operator: 'fileStream#2',
        callSite: expect.stringContaining('sources.ts:'),
        record: "'3'",
        error: { code: 'ERR_MILLRACE_BAD_RECORD', message: expect.stringContaining('line 3 of') },
      },
      {
        reason: 'recordError',
        operator: 'fileStream#1',
        record: `'{"n":'`,
        error: { code: 'ERR_MILLRACE_BAD_RECORD', message: expect.stringContaining('line 2 of') },
      },
      { reason: 'badFile', file: join(directory, 'binary/a'), offset: 4 },
      { reason: 'badFile', file: join(directory, 'json/b.gz') },
    ]);
    expect(watched.run.metrics().deadLetters).toBe(4);
    const values = (name: string): unknown[] =>
      watched.batches.get(name)!.flatMap((batch) => [...batch.values]);
    expect(values('csv')).toEqual([{ a: '1', b: '2' }]);
    expect(values('binary')).toEqual([7]);
    expect(values('json')).toContainEqual({ n: 1 });
  });
});

/** All numbers arrive, each once, although the thread of the sources dies while they come. */
async function allArrive(
  args: SourcesArgs,
  count: number,
  options: { readonly retainBytes?: number } = {},
): Promise<WatchedRun> {
  const watched = await WatchedRun.start('sources.ts', { threads: 2, args, ...options } as never, [
    'numbers',
  ]);
  const numbers = (): number[] =>
    watched.batches.get('numbers')!.flatMap((batch) => [...batch.values] as number[]);
  const arrived = (): number =>
    watched.batches.get('numbers')!.reduce((sum, { values }) => sum + values.length, 0);
  const sourcesSlot = (): number =>
    watched.run.threads().find(({ role, state }) => role === 'sources' && state === 'up')?.slot ??
    0;
  for (const part of [0.1, 0.5]) {
    await watched.until(`${part} of the numbers`, () => arrived() > count * part);
    const slot = sourcesSlot();
    watched.run.kill(slot);
    await watched.until('it has a successor', () => ![0, slot].includes(sourcesSlot()));
  }
  await watched.until('all numbers', () => arrived() >= count);
  await watched.run.stop();
  expect(numbers().toSorted(ascending)).toEqual(upTo(count));
  return watched;
}

describe('when the thread of the sources dies', () => {
  it('in the middle of a file, no record of it is lost or doubled', async () => {
    const count = 1_000_000;
    let text = '';
    for (let n = 0; n < count; n++) text += `{"n":${n}}\n`;
    put('big.json', text);
    put('small.json', '');
    const watched = await allArrive({ kind: 'big', directory }, count, { retainBytes: 1 << 20 });
    const batches = watched.batches.get('numbers')!.filter(({ values }) => values.length > 0);
    expect(batches.length).toBeGreaterThan(3);
  });

  it('a receiver that goes on behind what is safe loses and doubles nothing', async () => {
    const watched = await allArrive({ kind: 'receiver', count: 20_000 }, 20_000);
    // The first one may be up before anybody listens.
    expect(watched.ofType('receiverStarted').length).toBeGreaterThanOrEqual(2);
    expect(watched.ofType('receiverStopped')).toMatchObject([
      { streamId: 0, active: false, name: expect.stringContaining('receiverStream#1') },
    ]);
  });

  it('an iterable is opened at what is safe', async () => {
    const watched = await allArrive({ kind: 'iterable', count: 30_000 }, 30_000);
    expect(watched.ofType('possibleGap')).toEqual([]);
  });
});

describe('a receiver in the calling thread', () => {
  class Burst extends Receiver<number> {
    readonly #count: number;
    ended = false;

    constructor(count = 3) {
      super();
      this.#count = count;
    }

    onStart(): void {
      for (const n of upTo(this.#count)) this.store(n);
    }

    override async onStop(): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 30));
      this.store(-1);
      this.ended = true;
    }
  }

  it.each([
    ['as an object', () => new Burst()],
    ['as a class', () => Burst],
    ['as a function', () => () => new Burst()],
  ])('is given %s, and what it stores at its start is in the first batch', async (_, given) => {
    const out = await runBatches({ batches: 2 }, (ssc) =>
      ssc.receiverStream(given() as Burst).map((n) => n * 10),
    );
    expect(out.batches.map(({ values }) => values)).toEqual([[0, 10, 20], []]);
  });

  it('may store much at once, and a graceful stop waits for its onStop and what that stores', async () => {
    const receiver = new Burst(200_000);
    const ssc = new StreamingContext({ batchInterval: 50 });
    ssc.receiverStream(receiver).collectAs('numbers');
    await ssc.start();
    const reading = (async () => {
      const all: (readonly number[])[] = [];
      for await (const { values } of ssc.results<number>('numbers')) all.push(values);
      return all.flat();
    })();
    const { drained } = await ssc.stop({ graceful: true });
    expect([drained, receiver.ended]).toEqual([true, true]);
    expect((await reading).toSorted(ascending)).toEqual([-1, ...upTo(200_000)]);
  });

  it('must be one', () => {
    const ssc = new StreamingContext();
    for (const given of [undefined, {}, 'receiver'])
      expect(() => ssc.receiverStream(given as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_MILLRACE_BAD_OPTION',
          message: expect.stringMatching(/^receiverStream at .*sources\.test\.ts/),
        }),
      );
  });
});

describe('bad options of sources', () => {
  const ssc = (): StreamingContext => new StreamingContext();
  const bad = (options: object): never => options as never;
  it.each([
    ['format', () => ssc().fileStream('d', bad({ format: 'xml' }))],
    ['settle', () => ssc().textFileStream('d', { settle: '2m' })],
    ['settle', () => ssc().textFileStream('d', { settle: -1 })],
    ['compression', () => ssc().textFileStream('d', bad({ compression: 'lz4' }))],
    ['filter', () => ssc().textFileStream('d', bad({ filter: '*.log' }))],
    ['onBadRecord', () => ssc().fileStream('d', bad({ format: 'json', onBadRecord: 'skip' }))],
    ['header', () => ssc().fileStream('d', bad({ format: 'csv', header: ['a', 'a'] }))],
    ['separator', () => ssc().fileStream('d', bad({ format: 'csv', separator: '"' }))],
    ['separator', () => ssc().fileStream('d', bad({ format: 'json', separator: ',' }))],
    ['recordLength', () => ssc().fileStream('d', bad({ format: 'binary' }))],
    ['recordLength', () => ssc().binaryRecordsStream('d', 0)],
    ['recordLength', () => ssc().binaryRecordsStream('d', undefined as never)],
    ['maxRate', () => ssc().textFileStream('d', { maxRate: 0 })],
    ['maxRate', () => ssc().socketTextStream('h', 1, { maxRate: Number.NaN })],
    ['decode', () => ssc().socketStream('h', 1, 'utf8' as never)],
    ['open', () => ssc().fromAsyncIterable([] as never)],
    [
      'header',
      () =>
        ssc()
          .textFileStream('d')
          .parseCsv(bad({ header: true })),
    ],
    [
      'onBadRecord',
      () =>
        ssc()
          .textFileStream('d')
          .parseJson(bad({ onBadRecord: 'x' })),
    ],
    ['separator', () => ssc().textFileStream('d').fields('')],
    ['maxRate', () => new StreamingContext({ maxRate: -1 })],
    ['blockInterval', () => new StreamingContext({ blockInterval: 0 })],
    ['backpressure.initialRate', () => new StreamingContext({ backpressure: { initialRate: 0 } })],
    [
      'backpressure.pid.minRate',
      () => new StreamingContext({ backpressure: { pid: { minRate: 0 } } }),
    ],
  ])('%s', (option, act) => {
    expect(act).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^ERR_MILLRACE_BAD_(?:OPTION|DURATION)$/),
        message: expect.stringContaining(option),
      }),
    );
  });
});

describe('socketStream', () => {
  it.each([0, 2])(
    'decodes bytes however they are cut, connection after connection, threads: %i',
    async (threads) => {
      const bytes = Buffer.alloc(4 * 3000);
      for (const n of upTo(3000)) bytes.writeUInt32BE(n, 4 * n);
      let connections = 0;
      const server = createServer((socket) => {
        const from = 4000 * connections++;
        const part = bytes.subarray(from, from + 4000);
        socket.on('error', () => {});
        if (part.length === 0) return;
        for (let at = 0; at < part.length; at += 777) socket.write(part.subarray(at, at + 777));
        socket.end();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const watched = await WatchedRun.start(
        'sources.ts',
        { threads, args: { kind: 'socket', port } } as never,
        ['numbers'],
      );
      const numbers = (): unknown[] =>
        watched.batches.get('numbers')!.flatMap((batch) => [...batch.values]);
      await watched.until('all numbers', () => numbers().length >= 3000);
      await watched.run.stop();
      server.close();
      expect((numbers() as number[]).toSorted(ascending)).toEqual(upTo(3000));
      expect(connections).toBeGreaterThanOrEqual(3);
      // What happened before the run was there to be asked is not among its events.
      expect(watched.ofType('possibleGap').length).toBeGreaterThanOrEqual(1);
    },
  );
});

describe('a fast source and a slow stage', () => {
  const start = (options: object): Promise<WatchedRun> =>
    WatchedRun.start('sources.ts', options as never, ['counts']);
  const busy = (): { words: Int32Array; args: SourcesArgs } => {
    const words = new Int32Array(new SharedArrayBuffer(12));
    return { words, args: { kind: 'busy', words } };
  };

  it('credit bounds what lies between them, from the first batch on', async () => {
    const { words, args } = busy();
    const watched = await start({ threads: 2, retainBytes: 1 << 20, args });
    await watched.until('some is worked on', () => Atomics.load(words, WORKED) > 0);
    for (let n = 0; n < 10; n++) {
      await watched.until(
        'another interval',
        (
          (from) => () =>
            watched.ofType('batchSubmitted').length > from
        )(watched.ofType('batchSubmitted').length),
      );
      // A thousand bytes each: what two edges let lie unread, what a task has in hand, and what is read at once.
      const between = Atomics.load(words, TAKEN) - Atomics.load(words, WORKED);
      expect(between).toBeLessThan(2 * 1100 + 2 * 300 + 16_384);
    }
    await watched.run.stop({ graceful: false });
  });

  it('the initial rate holds for the first batch, and the estimate follows what batches take', async () => {
    const { args } = busy();
    const watched = await start({
      threads: 2,
      args,
      backpressure: { enabled: true, initialRate: 50, pid: { minRate: 50 } },
    });
    await watched.until('batches', () => watched.ofType('batchCompleted').length >= 12);
    const records = watched.ofType('batchCompleted').map((event) => event.records);
    await watched.run.stop({ graceful: false });
    const first = records.findIndex((count) => count > 0);
    // Five and what is saved up; a busy machine may end the batch late. Without the rate it would be a hundred and more.
    expect(records[first]).toBeLessThanOrEqual(40);
    // A record takes at least a millisecond, so a worker does no more than a thousand a second.
    for (const count of records.slice(-4)) expect(count).toBeLessThan(450);
    expect(Math.max(...records.slice(-6))).toBeGreaterThan(40);
  });

  it('maxRate holds, whatever the stage could take', async () => {
    const { args } = busy();
    const watched = await start({ threads: 0, args, maxRate: 200 });
    await watched.until('batches', () => watched.ofType('batchCompleted').length >= 8);
    const records = watched.ofType('batchCompleted').map((event) => event.records);
    await watched.run.stop({ graceful: false });
    const total = records.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(20 * records.length + 20 + 1);
  });
});
