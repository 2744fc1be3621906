import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { realEnv } from '../../src/env/real.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-env-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the real clock', () => {
  const { clock } = realEnv();

  it('I1: no timer is early', async () => {
    const waits = [0, 0.4, 1, 1.5, 3.3, 7.9, 20];
    const late = await Promise.all(
      waits.map((ms) => {
        const begun = clock.monotonic();
        return new Promise<number>((resolve) => {
          clock.after(ms, () => resolve(clock.monotonic() - begun - ms));
        });
      }),
    );
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  });

  it('I1: a very long wait is not over at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
    try {
      const ran = vi.fn<() => void>();
      const days = 24 * 3_600_000;
      const timer = realEnv().clock.after(60 * days, ran);
      vi.advanceTimersByTime(59.9 * days);
      expect(ran).not.toHaveBeenCalled();
      vi.advanceTimersByTime(0.2 * days);
      expect(ran).toHaveBeenCalledOnce();
      timer.cancel();
    } finally {
      vi.useRealTimers();
    }
  });

  it('a cancelled timer never runs', async () => {
    const ran = vi.fn<() => void>();
    clock.after(1, ran).cancel();
    await new Promise<void>((resolve) => void clock.after(5, resolve));
    expect(ran).not.toHaveBeenCalled();
  });

  it('I2: is the same in every thread', async () => {
    const real = new URL('../../dist/env/real.js', import.meta.url).href;
    const code = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(real)}).then(({ realEnv }) => parentPort.postMessage(realEnv().clock.monotonic()));`;
    const before = clock.monotonic();
    const worker = new Worker(code, { eval: true });
    const [there] = (await once(worker, 'message')) as [number];
    expect(there).toBeGreaterThan(before);
    expect(there).toBeLessThan(clock.monotonic());
    await worker.terminate();
  });

  it('tells the time of day', () => {
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(50);
  });
});

describe('the real disk', () => {
  const { disk } = realEnv();

  it('keeps files and removes them, present or not', () => {
    const path = join(directory, 'a/b/f');
    disk.makeDirectory(join(directory, 'a/b'));
    disk.makeDirectory(join(directory, 'a/b'));
    disk.write(path, Uint8Array.of(1, 2, 3));
    expect([...disk.read(path)]).toEqual([1, 2, 3]);
    disk.remove(path);
    disk.remove(path);
    expect(() => disk.read(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    disk.removeDirectory(join(directory, 'a'));
    disk.removeDirectory(join(directory, 'a'));
    expect(() => disk.write(path, Uint8Array.of())).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});

it('chance lies in [0, 1)', () => {
  const { random } = realEnv();
  for (let n = 0; n < 100; n++) {
    const drawn = random();
    expect(drawn >= 0 && drawn < 1).toBe(true);
  }
});
