/**
 * How real threads end, and what a slot says of it. Each misbehaviour has a file in
 * fixtures/threads, named by it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExitReason } from '../../src/actors/exit.ts';
import { Slot, type SlotOptions } from '../../src/actors/slot.ts';
import { realEnv } from '../../src/env/real.ts';
import { fromWire, MillraceError, type WireError } from '../../src/errors.ts';

const { clock } = realEnv();

function fixture(name: string): URL {
  return new URL(`../fixtures/threads/${name}.mjs`, import.meta.url);
}

function slotFor(name: string, options: Partial<SlotOptions> = {}): Slot {
  return new Slot({ clock, name, filename: fixture(name), ...options });
}

async function endOf(name: string, options?: Partial<SlotOptions>): Promise<ExitReason> {
  const slot = slotFor(name, options);
  await slot.start({});
  return slot.exited;
}

async function failedStart(slot: Slot, task: unknown = {}): Promise<MillraceError> {
  const error: unknown = await slot.start(task).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

describe('the end of a thread that was ready', () => {
  it('is normal when its main function returns, and its last words arrive before', async () => {
    const { port1, port2 } = new MessageChannel();
    const slot = slotFor('healthy');
    await slot.start({ port: port2 }, [port2]);
    expect(slot.state).toBe('running');
    port1.postMessage('stop');
    const words: unknown[] = [];
    port1.on('message', (word) => words.push(word));
    expect(await slot.exited).toEqual({ kind: 'normal' });
    if (words.length === 0) await once(port1, 'message');
    expect(words).toEqual(['the last words']);
    expect(slot.state).toBe('dead');
  });

  it('is the whole error when the main function throws', async () => {
    const reason = await endOf('throw');
    expect(reason.kind).toBe('error');
    const error = fromWire((reason as { error: WireError }).error);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      name: 'BadRecord',
      code: 'E_BAD_RECORD',
      message: 'record 7 is bad',
    });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.stack).toContain('throw.mjs');
  });

  it('is the whole error when a rejection is handled by nobody', async () => {
    const reason = await endOf('unhandled-rejection');
    expect(reason).toMatchObject({
      kind: 'error',
      error: { base: 'RangeError', code: 'E_NOBODY', message: 'nobody cares' },
    });
  });

  it('is what was thrown when an exception is caught by nobody', async () => {
    expect(await endOf('uncaught-exception')).toEqual({
      kind: 'error',
      error: { kind: 'value', value: 'just a string' },
    });
  });

  it('is an error when it calls process.abort()', async () => {
    const reason = await endOf('abort');
    expect(reason).toMatchObject({
      kind: 'error',
      error: { code: 'ERR_WORKER_UNSUPPORTED_OPERATION' },
    });
  });

  it('is exit{0}, not normal, when it calls process.exit(0)', async () => {
    expect(await endOf('exit-0')).toEqual({ kind: 'exit', code: 0 });
  });

  it('is exit{3} when it calls process.exit(3)', async () => {
    expect(await endOf('exit-3')).toEqual({ kind: 'exit', code: 3 });
  });

  it('is exit when it exits although a listener of that never returns', async () => {
    expect(await endOf('exit-listener-spins')).toMatchObject({ kind: 'exit' });
  });

  it('is oom when its heap is full, and nobody else dies of it', async () => {
    const { port1, port2 } = new MessageChannel();
    const neighbour = slotFor('healthy');
    await neighbour.start({ port: port2 }, [port2]);
    const limits = { resourceLimits: { maxOldGenerationSizeMb: 24 } };
    expect(await endOf('oom', limits)).toEqual({ kind: 'oom' });
    port1.postMessage(1);
    expect(await once(port1, 'message')).toMatchObject([{ echo: 1 }]);
    await neighbour.kill();
  });

  it('is what the killer says when it is killed in an endless loop', async () => {
    const slot = slotFor('spin');
    await slot.start({});
    const hang: ExitReason = { kind: 'hang', state: 'RUNNING', sinceMs: 30_000 };
    const killed = slot.kill(hang);
    // A second killer comes too late to say why.
    void slot.kill({ kind: 'killed' });
    expect(await killed).toEqual(hang);
    expect(await slot.exited).toEqual(hang);
  });

  it('is terminated when somebody else ends it', async () => {
    const created = once(process as never, 'worker') as Promise<[Worker]>;
    const slot = slotFor('spin');
    const [[worker]] = await Promise.all([created, slot.start({})]);
    await worker.terminate();
    expect(await slot.exited).toEqual({ kind: 'terminated' });
  });

  it('I3: is lost when it would not end in time, and the quarantine ends with the thread', async () => {
    const slot = slotFor('native-block', { killTimeoutMs: 100 });
    const marker = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'begun');
    await slot.start({ marker });
    await expect.poll(() => existsSync(marker), { interval: 5 }).toBe(true);
    expect(await slot.kill()).toEqual({ kind: 'lost' });
    expect(slot.quarantined).toBe(1);
    // The slot can hold a new thread meanwhile.
    const { state, incarnation } = slot;
    expect({ state, incarnation }).toEqual({ state: 'lost', incarnation: 1 });
    await slot.start({ marker });
    expect(slot.incarnation).toBe(2);
    expect(await slot.exited).toEqual({ kind: 'normal' });
    await expect.poll(() => slot.quarantined, { timeout: 5000 }).toBe(0);
  });
});

describe('a thread that does not become ready', () => {
  it.each([
    ['import-throws', { name: 'Error', code: 'E_NO_DATABASE' }],
    ['import-exits', { message: 'it exited with code 0 before it was ready' }],
    ['throw-before-ready', { base: 'SyntaxError', message: 'the job makes no sense' }],
    ['no-default', { message: expect.stringContaining('No handler function exported') }],
    [
      'not-thread-main',
      { base: 'TypeError', message: expect.stringContaining('not made by threadMain') },
    ],
    ['there-is-no-such-file', { code: 'ERR_MODULE_NOT_FOUND' }],
  ])('%s: start rejects and the reason is bootstrap, with the error', async (name, expected) => {
    const slot = slotFor(name);
    const error = await failedStart(slot);
    expect(error.code).toBe('ERR_MILLRACE_BOOTSTRAP');
    const reason = await slot.exited;
    expect(reason).toMatchObject({ kind: 'bootstrap', error: expected });
    expect(error.context).toMatchObject({ thread: name, incarnation: 1, reason });
    expect(error.cause).toBeInstanceOf(Error);
    expect(slot.state).toBe('dead');
  });

  it('is given up when it is not ready in time', async () => {
    const slot = slotFor('never-ready', { startTimeoutMs: 300 });
    const error = await failedStart(slot);
    expect(error.message).toContain('not ready within 300 ms');
    expect(await slot.exited).toMatchObject({ kind: 'bootstrap' });
  });

  it('is not given up because the main thread stood still past its time', async () => {
    const slot = slotFor('spin', { startTimeoutMs: 200 });
    const started = slot.start({});
    const until = clock.monotonic() + 400;
    while (clock.monotonic() < until);
    await started;
    await slot.kill();
    expect(slot.state).toBe('dead');
  });

  it('is bootstrap too when its heap is full before', async () => {
    const slot = slotFor('oom-at-import', { resourceLimits: { maxOldGenerationSizeMb: 24 } });
    await failedStart(slot);
    expect(await slot.exited).toMatchObject({
      kind: 'bootstrap',
      error: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
    });
  });

  it('is killed when it was killed while it started', async () => {
    const slot = slotFor('never-ready');
    const started = failedStart(slot);
    expect(await slot.kill()).toEqual({ kind: 'killed' });
    expect((await started).context).toMatchObject({ reason: { kind: 'killed' } });
  });

  it('is bootstrap when its task cannot be cloned', async () => {
    const slot = slotFor('healthy');
    const error = await failedStart(slot, { callback: () => 1 });
    expect(error.cause).toMatchObject({ name: 'DataCloneError' });
    expect(await slot.exited).toMatchObject({ kind: 'bootstrap' });
  });

  it('is bootstrap when Node refuses the options of the thread', async () => {
    const slot = slotFor('healthy', { execArgv: ['--no-such-option'] });
    const error = await failedStart(slot);
    expect(error.cause).toMatchObject({ code: 'ERR_WORKER_INVALID_EXEC_ARGV' });
    expect(await slot.exited).toMatchObject({ kind: 'bootstrap' });
  });

  it('I4: closes the ports that it never got', async () => {
    const { port1, port2 } = new MessageChannel();
    const closed = once(port1, 'close');
    await slotFor('import-throws')
      .start({ port: port2 }, [port2])
      .catch(() => undefined);
    expect(await closed).toBeDefined();
  });
});

describe('a slot', () => {
  it('starts thread after thread, each a new incarnation', async () => {
    const slot = slotFor('healthy');
    const ask = async (port: MessagePort): Promise<unknown> => {
      port.postMessage('hello');
      return (await once(port, 'message'))[0];
    };
    for (const incarnation of [1, 2]) {
      const { port1, port2 } = new MessageChannel();
      const closed = once(port1, 'close');
      await slot.start({ port: port2 }, [port2]);
      expect(await ask(port1)).toEqual({ echo: 'hello', name: 'healthy', incarnation });
      expect(await slot.kill()).toEqual({ kind: 'killed' });
      await closed;
    }
  });

  it('refuses a second thread while it has one', async () => {
    const slot = slotFor('spin');
    const first = slot.start({});
    await expect(slot.start({})).rejects.toMatchObject({ code: 'ERR_MILLRACE_ALREADY_STARTED' });
    await first;
    await slot.kill();
    expect(() => slotFor('x', { filename: new URL('https://localhost/x.mjs') })).toThrow(
      /file: URL/,
    );
    await expect(slotFor('healthy').kill()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NOT_STARTED',
    });
  });

  it('I2: passes on what its threads print, and holds nobody back when they are gone', async () => {
    const script = fileURLToPath(fixture('host'));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script]);
    const printed = Array.from({ length: 20 }, (_, line) => `out ${line}`);
    const lines = stdout.trim().split('\n');
    expect(lines.filter((line) => line.startsWith('out'))).toEqual(printed);
    expect(stderr).toContain('err');
    expect(lines.filter((line) => !line.startsWith('out'))).toEqual([
      'error: Error: after printing',
      'ERR_MILLRACE_BOOTSTRAP',
      'lost: it would not end and may still run',
      'nothing holds the process',
    ]);
  });

  it('leaves no rejection to nobody, whatever happened above', () => {
    expect(unhandled).toEqual([]);
  });
});
