import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { messagePort, type PollablePort } from '../../src/env/message-port.ts';

type Ends = [PollablePort<unknown, unknown>, PollablePort<unknown, unknown>];

function channel(): Ends {
  const { port1, port2 } = new MessageChannel();
  return [messagePort(port1), messagePort(port2)];
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('a port between threads', () => {
  it('I1: keeps messages until somebody listens', async () => {
    const [here, there] = channel();
    const heard: unknown[] = [];
    here.post('a');
    here.post('b');
    await turn();
    expect(there.poll()).toBe(0);
    await new Promise<void>((resolve) => {
      there.onMessage((message) => {
        heard.push(message);
        if (heard.length === 2) resolve();
      });
    });
    expect(heard).toEqual(['a', 'b']);
    here.close();
  });

  it('I1: poll delivers without a turn of the event loop, and keeps the order', async () => {
    const [here, there] = channel();
    const heard: unknown[] = [];
    there.onMessage((message) => heard.push(message));
    for (let n = 0; n < 3; n++) here.post(n);
    expect(there.poll()).toBe(3);
    expect(heard).toEqual([0, 1, 2]);
    here.post(3);
    await turn();
    await turn();
    here.post(4);
    expect([there.poll() <= 1, ...heard]).toEqual([true, 0, 1, 2, 3, 4]);
    here.close();
  });

  it('a later receiver takes the place of the first', () => {
    const [here, there] = channel();
    const heard: string[] = [];
    there.onMessage(() => heard.push('first'));
    there.onMessage(() => heard.push('second'));
    here.post(1);
    there.poll();
    expect(heard).toEqual(['second']);
    here.close();
  });

  it.each([
    ['exits', 'process.exit(0)'],
    ['throws', 'throw new Error("x")'],
    ['is terminated', 'for (;;);'],
  ])('I2: everything that a thread posted arrives before its end, when it %s', async (_, end) => {
    const { port1, port2 } = new MessageChannel();
    const port = messagePort<number, unknown>(port1);
    const code = `
      const { workerData } = require('node:worker_threads');
      for (let n = 0; n < 2000; n++) workerData.postMessage(n);
      ${end}`;
    const worker = new Worker(code, { eval: true, workerData: port2, transferList: [port2] });
    worker.on('error', () => undefined);
    const heard: (number | 'closed')[] = [];
    port.onMessage((n) => {
      heard.push(n);
      if (n === 1999 && end.startsWith('for')) void worker.terminate();
    });
    await new Promise<void>((resolve) => {
      port.onClose(() => {
        heard.push('closed');
        resolve();
      });
    });
    expect(heard).toEqual([...Array.from({ length: 2000 }, (_unused, n) => n), 'closed']);
    expect(port.poll()).toBe(0);
  });

  it('I2: our own close is not told to us, and a late listener hears of the end at once', async () => {
    const [here, there] = channel();
    const told: string[] = [];
    here.onClose(() => told.push('here'));
    here.close();
    // A port that waits for nothing more has closed within a few turns of the loop.
    for (let n = 0; n < 10; n++) await turn();
    there.onClose(() => told.push('there'));
    expect(told).toEqual(['there']);
    here.post('into the void');
  });

  it('does not keep the process alive when it is not to', async () => {
    const code = `
      const { MessageChannel, workerData } = require('node:worker_threads');
      import(workerData).then(({ messagePort }) => {
        const { port1 } = (globalThis.channel = new MessageChannel());
        const port = messagePort(port1);
        port.unref();
        port.onMessage(() => {});
      });`;
    const workerData = new URL('../../dist/env/message-port.js', import.meta.url).href;
    const worker = new Worker(code, { eval: true, workerData });
    expect(await new Promise((resolve) => void worker.once('exit', resolve))).toBe(0);
  });
});
