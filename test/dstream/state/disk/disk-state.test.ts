/** State on disk by itself; what operators make of it is tested over both stores in the folder above. */
import { mkdtempSync, rmSync } from 'node:fs';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskState } from '../../../../src/dstream/state/disk/disk-state.ts';
import { keyBytes, keyOfTime, timeKey } from '../../../../src/dstream/state/disk/key-bytes.ts';
import { checkTables, openTables } from '../../../../src/dstream/state/disk/tables.ts';
import { canonicalKey } from '../../../../src/dstream/keys/canonical.ts';
import { TaskState } from '../../../../src/dstream/state/task-state.ts';

const resolver = Module as unknown as {
  _resolveFilename(request: string, ...rest: unknown[]): string;
};

// Before anything has loaded it.
it('that has no lmdb says what to install', () => {
  const original = resolver._resolveFilename;
  resolver._resolveFilename = (request, ...rest) => {
    if (request === 'lmdb') throw new Error("Cannot find module 'lmdb'");
    return original.call(Module, request, ...rest);
  };
  try {
    expect(() => checkTables()).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_STATE_STORE',
        message: expect.stringContaining('npm install lmdb') as unknown,
      }) as Error,
    );
  } finally {
    resolver._resolveFilename = original;
  }
  checkTables();
});

describe('state on disk', () => {
  let directory: string;
  let opened: DiskState<unknown>[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-test-disk-'));
  });
  afterEach(() => {
    for (const state of opened) state.close();
    opened = [];
    rmSync(directory, { recursive: true });
  });

  const open = (keepsTimes = false): DiskState<unknown> => {
    const tables = openTables(join(directory, `${opened.length}`));
    const state = new DiskState<unknown>(tables, keepsTimes);
    opened.push(state);
    return state;
  };
  const content = (state: DiskState<unknown>): unknown[] =>
    [...state.pages()].flatMap((page) => page.map(({ key, state: own }) => [key, own]));

  it('tells keys apart as state in memory does: long ones, torn text, numbers from their text', () => {
    const long = 'x'.repeat(5000);
    const keys = [
      long,
      `${long}y`,
      '\ud800',
      '\ud801',
      '\ufffd',
      '1',
      1,
      1n,
      null,
      ['1'],
      { a: 1 },
    ];
    const state = open();
    keys.forEach((key, n) => state.set(state.find(key), n, 0));
    state.flush();
    expect(keys.map((key) => state.find(key).state)).toEqual(keys.map((_, n) => n));
    expect(state.find(-0).state).toBeUndefined();
    state.set(state.find(-0), 'zero', 0);
    state.flush();
    expect(state.find(0)).toMatchObject({ key: 0, state: 'zero' });
    expect(state.size).toBe(keys.length + 1);
  });

  it('is handed over as what has changed, and kept as no more than three times of what there is', () => {
    const state = open();
    const task = new TaskState({ 'op[0]/keys': state });
    let parts: Uint8Array[] = [];
    const sizes: number[] = [];
    for (let batch = 0; batch < 150; batch++) {
      const count = batch === 0 ? 4000 : 40;
      for (let n = 0; n < count; n++) {
        const held = state.find(`key-${(batch * 1009 + n * 7) % 4000}`);
        if (batch % 3 === 2 && n % 4 === 0) state.remove(held);
        else state.set(held, { batch, n }, 0);
        state.tidy();
      }
      state.flush();
      while (!task.prepare());
      const { bytes, drop = 0, mode } = task.handOver(undefined)!;
      if (mode === 'keep') continue;
      sizes.push(bytes.length);
      parts = [...parts.slice(drop), bytes];
    }
    const [whole, ...later] = sizes as [number, ...number[]];
    expect(Math.max(...later)).toBeLessThan(whole / 4);
    expect(parts.length).toBeLessThan(130);
    expect(parts.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(3 * whole);
    const again = open();
    new TaskState({ 'op[0]/keys': again }).restore(parts);
    expect(content(again)).toEqual(content(state));
    expect(again.size).toBe(state.size);
  });

  it('gives what is idle by time, the oldest first', () => {
    const state = open(true);
    for (let n = 0; n < 10; n++) state.set(state.find(n), n, 1000 * (10 - n));
    state.flush();
    expect(state.idle(4000).map(({ key }) => key)).toEqual([9, 8, 7]);
    state.set(state.find(9), 9, 20_000);
    state.remove(state.find(8));
    state.flush();
    expect(state.idle(4000).map(({ key }) => key)).toEqual([7]);
  });

  it('has times in the order of their bytes', () => {
    const key = keyBytes(canonicalKey('k'));
    const times = [0, 1, 255, 256, 65_536, 1_700_000_000_000, 1_700_000_000_001];
    const all = times.map((time) => timeKey(time, key));
    expect(all.toSorted(Buffer.compare)).toEqual(all);
    expect(all.map((bytes) => keyOfTime(bytes)[0])).toEqual(times);
  });
});
