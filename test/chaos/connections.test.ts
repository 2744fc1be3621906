/** Connections that come late, break off, and come back: visible in events, and in no count. */
import { createServer, type AddressInfo } from 'node:net';
import type { MillraceError } from 'millrace';
import { afterEach, expect, it } from 'vitest';
import { fromWire } from '../../src/errors.ts';
import { TextServer } from '../../src/testing/text-server.ts';
import { WatchedRun } from './watched-run.ts';
import { WordCount } from './word-count.ts';

let count: WordCount | undefined;
afterEach(() => count?.close());

const TEXT = { resumable: true, rate: 20_000, vocabulary: 2000, loopBytes: 1 << 20 };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function states(watched: WatchedRun): string[] {
  return watched.ofType('sourceState').map(({ state }) => state);
}

it('a server that comes up later is found, and refusals are told', async () => {
  const port = await freePort();
  const watched = await WatchedRun.start(
    'counts.js',
    { threads: 2, args: { port, forms: ['declared'], resumable: true } as never },
    ['declared'],
  );
  const server = new TextServer({ ...TEXT, port });
  count = new WordCount(server, watched, ['declared'], new Int32Array(new SharedArrayBuffer(16)));
  await watched.until(
    'two refusals',
    () => states(watched).filter((state) => state === 'disconnected').length >= 2,
  );
  const refused = watched.ofType('sourceState').find(({ state }) => state === 'disconnected')!;
  const error = fromWire(refused.error!);
  expect(error).toMatchObject({
    code: 'ERR_MILLRACE_CONNECT',
    message: expect.stringMatching(
      new RegExp(`cannot connect to 127.0.0.1:${port}.*ECONNREFUSED.*next attempt in \\d+ ms`),
    ),
  });
  expect((error as MillraceError).context).toMatchObject({ address: `127.0.0.1:${port}` });
  expect(refused.retryInMs).toBeGreaterThan(0);
  // Batches go on, without records.
  await watched.batchesPass(2);
  expect(watched.run.metrics().records).toBe(0);
  await server.listen();
  await watched.until('the connection', () => states(watched).includes('connected'));
  await watched.batchesPass(3);
  expect(await count.finishHeld()).toEqual([]);
  expect(watched.ofType('actorExited')).toEqual([]);
});

it('a connection that is cut is made again, and the text goes on where it broke off', async () => {
  count = await WordCount.start({ forms: ['declared'] });
  const { watched, server } = count;
  for (let cuts = 0; cuts < 3; cuts++) {
    await watched.until('a connection', () => server.connections > cuts);
    await watched.batchesPass(1);
    server.disconnect();
  }
  await watched.until('the last connection', () => server.connections === 4);
  await watched.batchesPass(2);
  expect(await count.finishHeld()).toEqual([]);
  const once = ['connecting', 'connected', 'disconnected'];
  const all = [...once, ...once, ...once, 'connecting', 'connected', 'ended'];
  // The first may come before there is anyone to hear of it.
  expect(all.slice(-states(watched).length)).toEqual(states(watched));
  expect(states(watched).length).toBeGreaterThanOrEqual(all.length - 2);
  expect(watched.ofType('possibleGap')).toEqual([]);
});

it('a server that is gone for a while and comes back is met again', async () => {
  const port = await freePort();
  count = await WordCount.start({ forms: ['closures', 'declared'], server: { port } });
  const { watched, server } = count;
  await watched.batchesPass(2);
  await server.stop();
  await watched.until(
    'both are refused',
    () =>
      watched
        .ofType('sourceState')
        .filter(({ error }) => error !== undefined && /ECONNREFUSED/.test(fromWire(error).message))
        .length >= 2,
  );
  const successor = new TextServer({ ...TEXT, port });
  await successor.listen();
  count = new WordCount(successor, watched, count.forms, count.orders);
  await watched.until('both are connected again', () => successor.connections >= 2);
  await watched.batchesPass(2);
  expect(await count.finishHeld()).toEqual([]);
});
