/** A batch as a directory: durable before it counts, whole although the disk is full, and nothing of dead lives beside it. */
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TaskEvent } from '../../../src/actors/task.ts';
import { Batch } from '../../../src/dstream/batch.ts';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import { Saver } from '../../../src/dstream/run/saver.ts';
import { MemoryDisk } from '../../../src/env/memory-disk.ts';
import { VirtualClock } from '../../../src/env/virtual-clock.ts';

function saver(isDurable: boolean, disk = new MemoryDisk()) {
  const ssc = new ContextBuilder('saver');
  ssc.queueStream<string>([]).saveAsTextFiles('/data/out', 'txt');
  const node = ssc.graph().nodes.find(({ kind }) => kind === 'saveAsTextFiles')!;
  const clock = new VirtualClock();
  const told: TaskEvent[] = [];
  const synced: string[] = [];
  const { sync } = disk;
  disk.sync = async (path) => {
    synced.push(path);
    return sync.call(disk, path);
  };
  const out = {
    emit: () => {},
    absent: () => {},
    mark: () => {},
    report: (event: TaskEvent) => void told.push(event),
  };
  const env = {
    clock,
    disk,
    random: () => 0,
    defer: (run: () => void) => void clock.after(0, run),
  };
  disk.makeDirectory('/data');
  return {
    disk,
    clock,
    told,
    synced,
    saver: new Saver({ node, out, env, life: 'new', isDurable }),
  };
}

function batch(...records: string[]): Batch<unknown> {
  const partition = (rows: readonly string[]) => ({
    count: rows.length,
    rows: (from = 0, to = rows.length) => rows.slice(from, to),
  });
  return new Batch<unknown>(1000, [partition(records), partition([])]);
}

describe('a saved batch', () => {
  it('I1: is synced, file by file and name by name, before its promise resolves', async () => {
    const { saver: it, synced, disk } = saver(true);
    await it.save(batch('a', 'b'), 1000);
    const temporary = '/data/.out-1000.txt-new.tmp';
    expect(synced).toEqual([
      ...['part-00000', 'part-00001', '_SUCCESS'].map((name) => `${temporary}/${name}`),
      temporary,
      '/data',
    ]);
    expect(disk.paths().map((path) => dirname(path))).toEqual(
      Array.from({ length: 3 }, () => '/data/out-1000.txt'),
    );
  });

  it('without a checkpoint directory is synced by nobody, and there at once', () => {
    const { saver: it, synced, disk } = saver(false);
    expect(it.save(batch('a'), 1000)).toBeUndefined();
    expect(synced).toEqual([]);
    expect(disk.paths()).toContain('/data/out-1000.txt/part-00000');
  });

  it('leaves nothing of what dead lives were writing, of this batch and of others', () => {
    const { saver: it, disk } = saver(false);
    const dead = ['.out-1000.txt-old.tmp', '.out-2000.txt-1-2-3.tmp'];
    const others = [
      '.out-1000-old.tmp',
      '.out-x.txt-old.tmp',
      'out-1000.txt-old.tmp',
      'out-500.txt',
    ];
    for (const name of [...dead, ...others]) {
      disk.makeDirectory(`/data/${name}`);
      disk.write(`/data/${name}/part-00000`, new Uint8Array(1));
    }
    void it.save(batch('a'), 1000);
    expect(disk.listDirectories('/data').toSorted()).toEqual(
      [...others, 'out-1000.txt'].toSorted(),
    );
  });

  it.each([[true], [false]])(
    'I2: waits for a disk that is full, told once, and is whole then (durable: %s)',
    async (isDurable) => {
      const { saver: it, disk, clock, told } = saver(isDurable);
      let left = 5;
      disk.fault = (operation, path) =>
        operation === 'append' && path.includes('part-00000') && left-- > 0
          ? Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
          : undefined;
      let isSaved = false;
      const meanwhile: string[] = [];
      const saved = Promise.resolve(it.save(batch('a', 'b'), 1000)).then(() => (isSaved = true));
      for (let n = 0; n < 20 && !isSaved; n++) {
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        if (left > 0) meanwhile.push(...disk.paths());
        clock.advance(2000);
      }
      await saved;
      // What there was of it took no room.
      expect(meanwhile).toEqual([]);
      expect(new TextDecoder().decode(disk.read('/data/out-1000.txt/part-00000'))).toBe('a\nb\n');
      expect(told.map(({ type }) => type)).toEqual(['degraded', 'recovered']);
    },
  );

  it('fails for what no waiting mends', () => {
    const { saver: it, disk } = saver(false);
    disk.fault = (operation) =>
      operation === 'write' ? Object.assign(new Error('EACCES'), { code: 'EACCES' }) : undefined;
    expect(() => it.save(batch('a'), 1000)).toThrow(/saveAsTextFiles#1/);
  });
});
