/** A disk in memory: what a crash may leave of what was not synced, and what it never takes. */
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { Pcg32 } from '../../src/env/pcg32.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function textAt(disk: MemoryDisk, path: string): string | undefined {
  if (disk.size(path) === undefined) return undefined;
  return new TextDecoder().decode(disk.read(path)).replaceAll('\0', '0');
}

const SEEDS = Array.from({ length: 400 }, (_, seed) => seed);

/** What is found after crashes with many seeds, each once. */
async function leftBy<T>(
  prepare: (disk: MemoryDisk) => Promise<void>,
  found: (disk: MemoryDisk) => T,
): Promise<Set<T>> {
  const all = new Set<T>();
  for (const seed of SEEDS) {
    const disk = new MemoryDisk({ mayCrash: true });
    disk.makeDirectory('/d');
    await disk.sync('/');
    await prepare(disk);
    disk.crash(new Pcg32(seed));
    all.add(found(disk));
  }
  return all;
}

const failed = (code: string): Error & { code: string } =>
  Object.assign(new Error(`${code}: told to`), { code });

describe('bytes', () => {
  it('I1: that were synced are there after any crash, and nothing but them', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.write('/d/f', bytes('abc'));
        disk.append('/d/f', bytes('def'));
        await disk.sync('/d/f');
        await disk.sync('/d');
      },
      (disk) => textAt(disk, '/d/f'),
    );
    expect([...left]).toEqual(['abcdef']);
  });

  it('I3: that were not may be lost, short, zero or there, behind what was synced', async () => {
    const left = await leftBy(
      async (disk) => {
        const file = disk.open('/d/f');
        file.append(bytes('ab'));
        await file.sync();
        await disk.sync('/d');
        file.append(bytes('cd'));
        file.append(bytes('ef'));
      },
      (disk) => textAt(disk, '/d/f')!,
    );
    for (const text of ['ab', 'abcdef', 'abcd', 'abc', 'abc0', 'ab00', 'abcde0', 'ab00ef'])
      expect(left).toContain(text);
    for (const text of left) expect(text).toMatch(/^ab[c0]?[d0]?[e0]?[f0]?$/);
  });

  it('that are written over in place may be torn: the old ones are gone', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.write('/d/f', bytes('old'));
        await disk.sync('/d/f');
        await disk.sync('/d');
        disk.write('/d/f', bytes('new'));
      },
      (disk) => textAt(disk, '/d/f'),
    );
    for (const text of ['old', 'new', '', 'n', '000']) expect(left).toContain(text);
  });

  it('I2: of a sync that failed may be gone although a later one ends well', async () => {
    let seed = 0;
    const left = await leftBy(
      async (disk) => {
        disk.chance = new Pcg32(seed++);
        disk.append('/d/f', bytes('ab'));
        await disk.sync('/d');
        disk.fault = (operation) => (operation === 'sync' ? failed('EIO') : undefined);
        await expect(disk.sync('/d/f')).rejects.toThrow('EIO');
        disk.fault = undefined;
        expect(textAt(disk, '/d/f')).toBe('ab');
        disk.append('/d/f', bytes('cd'));
        await disk.sync('/d/f');
      },
      (disk) => textAt(disk, '/d/f'),
    );
    expect(left).toEqual(new Set(['00cd', 'abcd']));
  });

  it('written while a sync is under way are not covered by it', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.append('/d/f', bytes('ab'));
        await disk.sync('/d');
        disk.slow = async () => {
          disk.append('/d/f', bytes('cd'));
          return undefined;
        };
        await disk.sync('/d/f');
      },
      (disk) => textAt(disk, '/d/f')!,
    );
    expect(left).toContain('ab');
    expect(left).toContain('abcd');
    for (const text of left) expect(text.startsWith('ab')).toBe(true);
  });
});

describe('names', () => {
  it('I1: that were made and not synced may vanish, with what was synced under them', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.write('/d/f', bytes('abc'));
        await disk.sync('/d/f');
      },
      (disk) => textAt(disk, '/d/f'),
    );
    expect(left).toEqual(new Set([undefined, 'abc']));
  });

  it('I1: of a file that was renamed are the old one or the new one until the directory is synced', async () => {
    const begin = async (disk: MemoryDisk): Promise<void> => {
      disk.write('/d/f', bytes('old'));
      disk.write('/d/tmp', bytes('new'));
      await Promise.all(['/d/f', '/d/tmp', '/d'].map((path) => disk.sync(path)));
      disk.rename('/d/tmp', '/d/f');
    };
    const names = (disk: MemoryDisk): string => disk.paths().join() + textAt(disk, '/d/f');
    expect(await leftBy(begin, names)).toEqual(new Set(['/d/f,/d/tmpold', '/d/fnew']));
    const synced = await leftBy(async (disk) => {
      await begin(disk);
      await disk.sync('/d');
    }, names);
    expect(synced).toEqual(new Set(['/d/fnew']));
  });

  it('that were removed may come back', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.write('/d/f', bytes('abc'));
        await disk.sync('/d/f');
        await disk.sync('/d');
        disk.remove('/d/f');
        expect(disk.paths()).toEqual([]);
      },
      (disk) => textAt(disk, '/d/f'),
    );
    expect(left).toEqual(new Set([undefined, 'abc']));
  });

  it('I2: of directories need a sync of the one above', async () => {
    const begin = async (disk: MemoryDisk): Promise<void> => {
      disk.makeDirectory('/d/a/b');
      disk.write('/d/a/b/f', bytes('abc'));
      for (const path of ['/d/a/b/f', '/d/a/b', '/d/a']) await disk.sync(path);
    };
    const names = (disk: MemoryDisk): string => disk.paths().join();
    expect(await leftBy(begin, names)).toEqual(new Set(['', '/d/a/b/f']));
    const synced = await leftBy(async (disk) => {
      await begin(disk);
      await disk.sync('/d');
    }, names);
    expect(synced).toEqual(new Set(['/d/a/b/f']));
  });

  it('a move to another directory lasts when that one is synced, and the file has one name', async () => {
    const left = await leftBy(
      async (disk) => {
        disk.makeDirectory('/e');
        await disk.sync('/');
        disk.write('/d/f', bytes('abc'));
        await disk.sync('/d/f');
        disk.rename('/d/f', '/e/g');
        await disk.sync('/e');
        await disk.sync('/d');
      },
      (disk) => disk.paths().join(),
    );
    expect(left).toEqual(new Set(['/e/g']));
  });
});

describe('a disk that refuses', () => {
  it('may have taken a part of what was to be added', () => {
    const disk = new MemoryDisk();
    const file = disk.open('/f');
    file.append(bytes('ab'));
    disk.fault = () => Object.assign(failed('ENOSPC'), { written: 1 });
    expect(() => file.append(bytes('cd'))).toThrow('ENOSPC');
    expect(() => disk.append('/f', bytes('ef'))).toThrow('ENOSPC');
    disk.fault = undefined;
    expect([file.size, textAt(disk, '/f')]).toEqual([4, 'abce']);
    file.truncate(2);
    file.writeAt(1, bytes('xyz'));
    expect(textAt(disk, '/f')).toBe('axyz');
  });

  it('has no file without a directory, and says so as a real one does', async () => {
    const disk = new MemoryDisk();
    for (const act of [
      () => disk.write('/no/f', bytes('')),
      () => disk.read('/no/f'),
      () => disk.open('/no/f'),
      () => disk.rename('/f', '/g'),
      () => disk.list('/no'),
    ])
      expect(act).toThrow('ENOENT');
    await expect(disk.sync('/no')).rejects.toThrow('ENOENT');
  });
});

it('syncs that are under way as the power goes never end', async () => {
  const disk = new MemoryDisk({ mayCrash: true });
  disk.write('/f', bytes('abc'));
  let end = (): void => {};
  disk.slow = () =>
    new Promise((resolve) => {
      end = () => resolve(undefined);
    });
  let ended = false;
  void disk.sync('/f').then(() => (ended = true));
  disk.crash(new Pcg32(1));
  end();
  await new Promise((resolve) => void setImmediate(resolve));
  expect(ended).toBe(false);
});
