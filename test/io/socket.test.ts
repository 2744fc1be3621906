import { afterEach, describe, expect, it } from 'vitest';
import { SocketSource, type SocketOptions } from '../../src/io/socket.ts';
import { TextServer } from '../../src/testing/text-server.ts';
import { testContext, type TestContext, type TestContextOptions } from './_context.ts';
import { ListEdge } from './_list-edge.ts';
import { freePort, serve, writePieces, type LineServer } from './_line-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function open(
  port: number,
  options: Partial<SocketOptions> = {},
  contextOptions: TestContextOptions = {},
): TestContext & { source: SocketSource } {
  const source = new SocketSource({ host: '127.0.0.1', port, ...options });
  const test = testContext({ name: 'socketTextStream at job.ts:2:7', ...contextOptions });
  source.open(test.context);
  cleanups.push(() => source.close());
  return { ...test, source };
}

async function server(...args: Parameters<typeof serve>): Promise<LineServer> {
  const started = await serve(...args);
  cleanups.push(() => started.stop());
  return started;
}

async function textServer(
  options: ConstructorParameters<typeof TextServer>[0],
): Promise<TextServer & { port: number }> {
  const started = new TextServer({ loopBytes: 1 << 20, vocabulary: 1000, ...options });
  cleanups.push(() => started.stop());
  return Object.assign(started, { port: await started.listen() });
}

const hello = ({ bytes }: { bytes: number }): string => `position ${bytes}\n`;

function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of text.split(/\s+/))
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

describe('lines', () => {
  it('come as they were sent, with \\n or \\r\\n, whatever the packets', async () => {
    const { port } = await server(
      (socket) => void writePieces(socket, ['a\nb', 'c\r', '\nd\n\n', 'e\n']),
    );
    const { edge, until } = open(port);
    await until(() => edge.text().endsWith('e\n'));
    expect(edge.text()).toBe('a\nbc\r\nd\n\ne\n');
    for (const frame of edge.frames) expect(frame.kind === 'text' && frame.text.at(-1)).toBe(10);
    expect(edge.position().bytes).toBe(Buffer.byteLength(edge.text()));
  });

  it('keep their characters when these come in two packets', async () => {
    const bytes = Buffer.from('日本 grün\n');
    const { port } = await server(
      (socket) =>
        void writePieces(
          socket,
          [...bytes].map((byte) => Uint8Array.of(byte)),
        ),
    );
    const { edge, until } = open(port);
    await until(() => edge.frames.length > 0);
    expect(edge.text()).toBe('日本 grün\n');
  });

  it('include the last one when the server ends without a newline', async () => {
    const { port } = await server((socket) => void socket.end('a\nlast'));
    const { edge, states, until } = open(port);
    await until(() => states.at(-1)?.state === 'disconnected');
    await until(() => edge.text().length > 2);
    expect(edge.text()).toBe('a\nlast\n');
  });

  it('are found at a name with several addresses, of which one refuses', async () => {
    const { port } = await server((socket) => void socket.write('a\n'));
    const { edge, until } = open(port, { host: 'localhost' });
    await until(() => edge.frames.length > 0);
    expect(edge.text()).toBe('a\n');
  });
});

describe('a line that is too long', () => {
  const sent = ['short\n', `${'x'.repeat(20)}\n`, 'end\n'];

  it('fails the source by name', async () => {
    const { port } = await server((socket) => void writePieces(socket, sent));
    const { edge, failures, until } = open(port, { maxLineBytes: 10 });
    await until(() => failures.length > 0);
    expect(edge.text()).toBe('short\n');
    expect(failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_LINE_TOO_LONG',
        message: expect.stringMatching(
          new RegExp(`job.ts:2:7.*127\\.0\\.0\\.1:${port}.*10 bytes.*maxLineBytes`),
        ),
      },
    ]);
  });

  it('is cut and counted by option', async () => {
    const { port } = await server((socket) => void writePieces(socket, sent));
    const { edge, counts, until } = open(port, { maxLineBytes: 10, onLongLine: 'cut' });
    await until(() => edge.text().endsWith('end\n'));
    expect(edge.text()).toBe('short\nxxxxxxxxxx\nend\n');
    expect(counts).toEqual({ linesCut: 1 });
  });

  it('is left out and counted by option', async () => {
    const { port } = await server((socket) => void writePieces(socket, sent));
    const { edge, counts, until } = open(port, { maxLineBytes: 10, onLongLine: 'skip' });
    await until(() => edge.text().endsWith('end\n'));
    expect(edge.text()).toBe('short\nend\n');
    expect(counts).toEqual({ linesSkipped: 1 });
  });
});

describe('a server that is away', () => {
  it('I3: is called again with growing waits, and found when it comes', async () => {
    const port = await freePort();
    const { env, edge, states, until } = open(port);
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      await until(() => states.at(-1)?.state === 'disconnected');
      const { error, retryInMs } = states.at(-1)!;
      expect(error).toMatchObject({
        code: 'ERR_MILLRACE_CONNECT',
        message: expect.stringContaining(`127.0.0.1:${port}`),
      });
      waits.push(retryInMs!);
      if (n === 7)
        cleanups.push(
          await serve((socket) => void socket.write('a\n'), port).then((each) => () => each.stop()),
        );
      env.clock.advance(retryInMs!);
      expect(states.at(-1)).toEqual({ state: 'connecting' });
    }
    [100, 200, 400, 800, 1600, 3200, 5000, 5000].forEach((wait, n) => {
      expect(waits[n]).toBeGreaterThanOrEqual(wait * 0.8 - 1);
      expect(waits[n]).toBeLessThanOrEqual(Math.min(5000, wait * 1.2) + 1);
    });
    await until(() => edge.frames.length > 0);
    expect(states.at(-1)?.state).toBe('connected');
  });

  it('is called again after each end, and the wait is short again after data', async () => {
    const { port } = await server((socket, nth) => void socket.end(`${nth}\n`));
    const { env, edge, states, gaps, until } = open(port);
    for (let nth = 1; nth <= 5; nth++) {
      await until(() => states.at(-1)?.state === 'disconnected');
      expect(edge.text().split('\n').at(-2)).toBe(String(nth));
      expect(states.at(-1)!.retryInMs).toBeLessThanOrEqual(120);
      env.clock.advance(120);
    }
    expect(gaps, 'lines may have been missed each time but the first').toHaveLength(4);
  });

  it('is given up when it does not answer, and called again', async () => {
    const { port } = await server(() => {});
    const { env, states, until } = open(port, { connectTimeoutMs: 500 });
    // The connection is not yet there: the event loop has not turned.
    env.clock.advance(500);
    await until(() => states.at(-1)?.state === 'disconnected');
    expect(states.at(-1)!.error).toMatchObject({
      message: expect.stringContaining('no answer for 500 ms'),
    });
  });
});

describe('hello', () => {
  it('I2: after each broken connection the source goes on exactly where it was', async () => {
    const lines = 60_000;
    const source = await textServer({ resumable: true, limitLines: lines });
    const edge = new ListEdge(1 << 24);
    const { env, states, gaps, until } = open(source.port, { hello, readBytes: 16_384 }, { edge });
    const total = source.bytesOf(lines);
    for (let part = 1; part <= 5; part++) {
      const from = edge.position().bytes;
      await until(() => edge.position().bytes >= from + 100_000);
      source.disconnect();
      await until(() => states.at(-1)?.state === 'disconnected');
      env.clock.advance(120);
    }
    await until(() => edge.position().bytes === total);
    expect(source.connections).toBe(6);
    expect(countWords(edge.text())).toEqual(source.ledgerAt(total));
    expect(edge.position()).toEqual({ bytes: total, lines });
    expect(gaps).toEqual([]);
  });

  it('I2: a new incarnation goes on at the last published position', async () => {
    const source = await textServer({ resumable: true, limitLines: 20_000 });
    const edge = new ListEdge(1 << 23);
    const first = open(source.port, { hello, readBytes: 16_384 }, { edge });
    await first.until(() => edge.position().bytes > 300_000);
    // The thread dies: what it has read and not published is gone, and so is its connection.
    first.context.sendText = () => false;
    source.disconnect();
    cleanups.push(() => {
      first.context.sendText = () => true;
      first.source.resume();
    });
    const second = open(source.port, { hello }, { edge });
    await second.until(() => edge.position().bytes === source.bytesOf(20_000));
    expect(countWords(edge.text())).toEqual(source.ledgerAt(source.bytesOf(20_000)));
  });

  it('that throws fails the source and names it', async () => {
    const { port } = await server(() => {});
    const { failures, until } = open(port, {
      hello: () => {
        throw new Error('no idea');
      },
    });
    await until(() => failures.length > 0);
    expect(failures).toMatchObject([
      { code: 'ERR_MILLRACE_USER_FUNCTION', message: expect.stringContaining('no idea') },
    ]);
  });

  it('tells a plain socket’s new incarnation that there may be a gap', async () => {
    const { port } = await server((socket) => void socket.write('b\n'));
    const edge = new ListEdge();
    edge.sendText(Buffer.from('a\n'), new Uint8Array(0), 2);
    const { gaps, until } = open(port, {}, { edge });
    await until(() => edge.text() === 'a\nb\n');
    expect(gaps).toHaveLength(1);
    expect(edge.position().bytes).toBe(4);
  });
});

describe('a full edge', () => {
  it('I1: stops the server through TCP, and nothing is lost', async () => {
    const lines = 300_000;
    const source = await textServer({ limitLines: lines, endAtLimit: true });
    const total = source.bytesOf(lines);
    const edge = new ListEdge(1 << 20);
    const { source: socket, states, until } = open(source.port, {}, { edge });
    let received = '';
    let stalls = 0;
    let servedAtStall = total;
    while (received.length < total) {
      await until(() => edge.refusals > 0 || edge.position().bytes === total);
      if (edge.refusals > 0 && stalls === 0) {
        // Kernel buffers fill; then the server can write no more, however many turns it gets.
        await stalled(source);
        servedAtStall = source.served;
      }
      stalls += edge.refusals;
      edge.refusals = 0;
      received += edge.read();
      edge.forget();
      edge.release();
      socket.resume();
    }
    expect(stalls).toBeGreaterThan(10);
    expect(servedAtStall).toBeLessThan(total);
    await until(() => states.at(-1)?.state === 'disconnected');
    expect(countWords(received)).toEqual(source.ledgerAt(total));
  });

  it('at the end of a connection delays the next one until all is published', async () => {
    const { port, sockets } = await server(
      (socket, nth) => void socket.end(nth === 1 ? 'one\ntwo' : 'three\n'),
    );
    const edge = new ListEdge(1024);
    edge.usedBytes = 1024;
    const { env, source, states, until } = open(port, {}, { edge });
    await until(() => edge.refusals > 0);
    edge.release();
    source.resume();
    edge.usedBytes = 1024;
    await until(() => states.at(-1)?.state === 'disconnected');
    env.clock.advance(200);
    expect(sockets).toHaveLength(1);
    edge.release();
    source.resume();
    await until(() => edge.text().includes('three'));
    expect(edge.text()).toBe('one\ntwo\nthree\n');
  });
});

describe('close', () => {
  it('publishes what was read, when there is room for it', async () => {
    const { port } = await server((socket) => void socket.write('a\nb\nc'));
    const edge = new ListEdge(1024);
    edge.usedBytes = 1024;
    const { source, gaps, states, until } = open(port, {}, { edge });
    await until(() => edge.refusals > 0);
    const closed = source.close();
    edge.release();
    source.resume();
    await closed;
    expect(edge.text()).toBe('a\nb\n');
    expect(gaps).toHaveLength(1);
    expect(states.at(-1)).toEqual({ state: 'ended' });
  });

  it('ends a wait between attempts', async () => {
    const { source, env, states, until } = open(await freePort());
    await until(() => states.at(-1)?.state === 'disconnected');
    await source.close();
    expect(env.clock.pending).toBe(0);
  });
});

describe('options', () => {
  it.each([
    [{ port: 0 }, 'port'],
    [{ port: 70_000 }, 'port'],
    [{ host: '' }, 'host'],
    [{ maxLineBytes: 0 }, 'maxLineBytes'],
    [{ onLongLine: 'drop' as never }, 'onLongLine'],
  ])('%o is refused by name', (options, name) => {
    expect(() => new SocketSource({ host: 'localhost', port: 1, ...options })).toThrowError(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringContaining(name),
      }),
    );
  });
});

/** Resolves when the server's buffers are full and stay so for many turns of the event loop. */
async function stalled(source: TextServer): Promise<void> {
  let served = -1;
  for (let same = 0; same < 50; same = served === source.served && source.stalled ? same + 1 : 0) {
    served = source.served;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
