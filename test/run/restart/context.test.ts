/** Contexts on a checkpoint directory: who owns it, what they go on from, and what is told when it is damaged. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CollectedBatch, StreamingContext } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-context-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const INTERVAL_MS = 1000;
let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock({ startMs: 10_500 });
});

function create(): StreamingContext {
  const ssc = new StreamingContext({ clock, batchInterval: INTERVAL_MS, write: () => {} });
  ssc
    .queueStream([['a'], ['b', 'a'], ['a']], { default: [] })
    .map((word) => [word, 1] as const)
    .updateStateByKey((values, before: number | undefined) => (before ?? 0) + values.length)
    .collectAs('counts');
  return ssc;
}

function onDirectory(options: { createOnError?: boolean } = {}): StreamingContext {
  return StreamingContext.getOrCreate(directory, create, options);
}

/** Runs so many batches, and gives their counts by time. */
async function batches(ssc: StreamingContext, count: number): Promise<string[]> {
  const told: string[] = [];
  const results = ssc.results<readonly [string, number]>('counts');
  for (let n = 0; n < count; n++) {
    const next = results.next();
    // The batch at which a run drained has the time at which it would have ended.
    clock.advance(n === 0 && ssc.recovered !== undefined ? 2 * INTERVAL_MS : INTERVAL_MS);
    const { value } = await next;
    const { time, values } = value as CollectedBatch<readonly [string, number]>;
    told.push([time, ...values.map(([word, seen]) => word + seen)].join(' '));
  }
  return told;
}

/** A first life of three batches, the last of which is in a checkpoint. */
async function firstLife(): Promise<void> {
  const ssc = onDirectory();
  await ssc.start();
  expect(await batches(ssc, 3)).toEqual(['11000 a1', '12000 a2 b1', '13000 a3 b1']);
  expect(await ssc.stop({ graceful: true })).toMatchObject({ drained: true });
}

const manifests = (): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith('manifest-'))
    .sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b)));

describe('a context on a directory with a checkpoint', () => {
  it('goes on from it, and says so', async () => {
    await firstLife();
    const ssc = onDirectory();
    await ssc.start();
    expect(ssc.recovered).toMatchObject({ run: 2, time: 14_000 });
    expect(await batches(ssc, 1)).toEqual(['15000 a3 b1']);
    await ssc.stop();
  });

  it('begins at the checkpoint before, with a warning, when the newest is damaged', async () => {
    await firstLife();
    const [newest] = manifests().slice(-1);
    const path = join(directory, newest!);
    const bytes = readFileSync(path);
    bytes[20]! ^= 1;
    writeFileSync(path, bytes);
    const hints: string[] = [];
    const ssc = onDirectory();
    ssc.addStreamingListener({
      onHint: (event: { text: string }) => hints.push(event.text),
    } as never);
    await ssc.start();
    expect(ssc.recovered!.time).toBeLessThan(14_000);
    expect(hints.join()).toContain(newest);
    await ssc.stop();
  });

  it('begins anew only where it was told to, when none can be read', async () => {
    await firstLife();
    for (const name of manifests()) writeFileSync(join(directory, name), 'x');
    await expect(onDirectory().start()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_CHECKPOINT_CORRUPT',
    });
    const ssc = onDirectory({ createOnError: true });
    await ssc.start();
    expect(ssc.recovered).toBe(undefined);
    expect(readdirSync(directory)).toContain('set-aside-1');
    await ssc.stop();
  });
});

describe('a directory', () => {
  it('belongs to one run at a time, also within a process', async () => {
    const first = onDirectory();
    await first.start();
    await expect(onDirectory().start()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_DIR_IN_USE',
      message: expect.stringContaining('this process') as string,
    });
    await first.stop();
    const next = onDirectory();
    await next.start();
    await next.stop();
  });

  it('is free again when a start fails', async () => {
    await firstLife();
    const other = new StreamingContext({ clock, batchInterval: 2000, checkpointDir: directory });
    other.queueStream([[1]]).print();
    await expect(other.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_CHECKPOINT_MISFIT' });
    const ssc = onDirectory();
    await ssc.start();
    await ssc.stop();
  });
});
