/** What the engine can't make good: data that a plain socket had in hand, and threads that die too often. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { MillraceError } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
import { WatchedRun } from './watched-run.ts';
import { WordCount } from './word-count.ts';

const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Sends 1, 2, 3 … a line each, to whoever is connected; a new client gets what comes next. */
class NumberServer {
  sent = 0;
  #clients = new Set<Socket>();
  #server = createServer((socket) => {
    this.#clients.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#clients.delete(socket));
  });

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const timer = setInterval(() => this.#send(), 5);
    closing.push(() => {
      clearInterval(timer);
      this.#server.close();
      for (const client of this.#clients) client.destroy();
    });
    return (this.#server.address() as AddressInfo).port;
  }

  #send(): void {
    for (const client of this.#clients) {
      let text = '';
      for (let n = 0; n < 100; n++) text += `${++this.sent}\n`;
      client.write(text);
    }
  }
}

describe('a socket whose server can not go back', () => {
  it('loses what the thread of the sources had in hand, says so, and doubles nothing', async () => {
    const server = new NumberServer();
    const port = await server.listen();
    const watched = await WatchedRun.start('lines.js', { threads: 2, args: { port } as never }, [
      'lines',
    ]);
    closing.push(() => watched.run.stop({ graceful: false }));
    await watched.batchesPass(3);
    const sentAtDeath = server.sent;
    watched.run.kill(watched.thread('sources')!.slot);
    await watched.until('the gap is reported', () => watched.ofType('possibleGap').length > 0);
    await watched.batchesPass(3);
    expect(await watched.run.stop()).toMatchObject({ drained: true });
    await watched.ended();

    expect(watched.ofType('possibleGap')).toEqual([
      expect.objectContaining({
        source: 'socketTextStream#1',
        detail: expect.stringMatching(/connected again after \d+ bytes/),
      }),
    ]);
    const numbers = watched.batches
      .get('lines')!
      .flatMap(({ values }) => values.map(Number))
      .sort((a, b) => a - b);
    const gaps = numbers.flatMap((n, i) =>
      i > 0 && n !== numbers[i - 1]! + 1 ? [[numbers[i - 1]!, n]] : [],
    );
    expect(numbers[0]).toBe(1);
    // One gap at most, where the thread died, and nothing twice.
    expect(gaps.length).toBeLessThanOrEqual(1);
    for (const [before, behind] of gaps) {
      expect(before).toBeLessThanOrEqual(sentAtDeath + 2000);
      expect(behind! - before!).toBeGreaterThan(1);
      expect(behind! - before!).toBeLessThan(20_000);
    }
    expect(numbers.at(-1)).toBeGreaterThan(sentAtDeath);
  });
});

describe('one death too many', () => {
  for (const role of ['worker', 'sources', 'coordinator'] as const) {
    it(`of a ${role} fails the job, with its cause, and ends all threads`, async () => {
      const count = await WordCount.start({ forms: ['declared'] });
      closing.push(() => count.close());
      const { watched } = count;
      await watched.until('all threads are up', () => watched.isWhole);
      for (let deaths = 1; deaths <= 3; deaths++) {
        watched.run.kill(watched.thread(role)!.slot, 'exit');
        await watched.until('its death', () => watched.ofType('actorExited').length === deaths);
        await watched.until('successors', () => watched.isWhole);
        await watched.batchesPass(1);
      }
      expect(watched.run.state).toBe('active');
      watched.run.kill(watched.thread(role)!.slot, 'exit');
      const error = await watched.failure();
      expect(error).toBeInstanceOf(MillraceError);
      expect(error).toMatchObject({
        code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
        message: expect.stringContaining('exit 3: process.exit was called'),
      });
      expect(watched.run.state).toBe('failed');
      expect(watched.run.threads().filter(({ state }) => state !== 'down')).toEqual([]);
      await expect(watched.run.awaitTermination()).rejects.toBe(error);
      await watched.ended();
    });
  }
});
