import { expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { contents, copyOf, cut, DIRECTORY, HeldDisk, open, settled, text } from './log-disk.ts';

it('gives back what was appended, to the same opening and to the next', async () => {
  const disk = new MemoryDisk();
  const { log } = open(disk);
  log.append(text('a\nb\n', 1));
  log.append(text('c'), new TextEncoder().encode('d\n'));
  log.append(cut(1, { files: ['x'], seen: new Map([['y', 2]]) }));
  const rows = {
    kind: 'block',
    edge: 300,
    form: 'rows',
    bytes: Uint8Array.of(0, 255),
    count: 7,
    position: 2 ** 40,
  } as const;
  await log.synced(log.append(rows));
  log.close();
  const { log: next } = open(disk);
  for (const each of [log, next]) {
    const all = [...each.read(0)].map(({ record }) => record);
    expect(all).toMatchObject([
      { edge: 1, form: 'text', count: 1, position: 4 },
      { bytes: new TextEncoder().encode('cd\n') },
      {
        barrier: { number: 1, time: 1000 },
        absent: false,
        note: { files: ['x'], seen: new Map([['y', 2]]) },
      },
      rows,
    ]);
    expect(contents(each, 2)).toEqual(['3:#1', expect.stringMatching(/^4:/)]);
    expect(each.cut(1)?.ordinal).toBe(3);
    expect(each.cut(0)).toEqual({ ordinal: 0 });
    expect(each.cut(2)).toBeUndefined();
    expect(each.cutsBehind(0).map(({ ordinal }) => ordinal)).toEqual([3]);
    expect(each.cutsBehind(1)).toEqual([]);
    expect(each.last).toBe(4);
  }
});

it('I1: what was appended outlives a thread that died before any sync', () => {
  const disk = new MemoryDisk();
  const { log } = open(disk);
  for (const line of ['a', 'b']) log.append(text(line));
  const { log: next } = open(disk);
  expect(next.last).toBe(2);
  expect(contents(next)).toEqual(['1:a', '2:b']);
  expect(next.append(text('c'))).toBe(3);
  expect(contents(open(disk).log)).toEqual(['1:a', '2:b', '3:c']);
});

it('shares an fsync among all that wait, and begins the next when one is done', async () => {
  const held = new HeldDisk();
  held.isHeld = true;
  const { log } = open(held.disk);
  const done: number[] = [];
  const wait = (ordinal: number): void => void log.synced(ordinal).then(() => done.push(ordinal));
  wait(log.append(text('a')));
  wait(log.append(text('b')));
  await settled();
  expect(held.syncs).toBe(1);
  for (const line of ['c', 'd', 'e']) wait(log.append(text(line)));
  await settled();
  expect([held.syncs, done]).toEqual([1, []]);
  await held.finish();
  expect([held.syncs, done]).toEqual([2, [1, 2]]);
  await held.finish();
  expect([held.syncs, done]).toEqual([2, [1, 2, 3, 4, 5]]);
});

it('syncs by itself after 100 ms, and at once when much has come', async () => {
  const held = new HeldDisk();
  const { log, clock } = open(held.disk, { syncEveryBytes: 1000 });
  log.append(text('a'));
  clock.advance(99);
  await settled();
  expect(held.syncs).toBe(0);
  clock.advance(1);
  await settled();
  expect(held.syncs).toBe(1);
  clock.advance(1000);
  await settled();
  expect(held.syncs).toBe(1);
  log.append(text('x'.repeat(1000)));
  await settled();
  expect(held.syncs).toBe(2);
  expect(clock.pending).toBe(0);
});

it('writes all that was not durable into a new segment after an fsync that failed', async () => {
  const held = new HeldDisk();
  const { log, clock, told } = open(held.disk);
  await log.synced(log.append(text('a')));
  held.isHeld = true;
  let isDone = false;
  void log.synced(log.append(text('b'))).then(() => (isDone = true));
  await settled();
  log.append(text('c'));
  await held.finish(Object.assign(new Error('EIO'), { code: 'EIO' }));
  expect(told).toEqual(['trouble']);
  expect(() => log.append(text('d'))).toThrow('EIO');
  expect(log.hasRoom).toBe(false);
  // The pages may be gone: the first segment is good up to what was synced.
  const [first] = segments(held.memory);
  const bytes = held.memory.read(first!);
  clock.advance(100);
  await settled();
  expect(told).toEqual(['trouble', 'room']);
  expect(segments(held.memory)).toHaveLength(2);
  held.memory.write(first!, bytes.subarray(0, bytes.length - 60));
  await held.finish();
  expect(isDone).toBe(true);
  expect(told).toEqual(['trouble', 'room', 'recovered']);
  expect(log.append(text('d'))).toBe(4);
  for (const each of [log, open(held.memory).log])
    expect(contents(each)).toEqual(['1:a', '2:b', '3:c', '4:d']);
});

it('a full disk takes nothing of a frame, and the log goes on when there is room', async () => {
  const disk = new MemoryDisk();
  const { log, clock, told } = open(disk);
  log.append(text('a'));
  const size = disk.size(segments(disk)[0]!)!;
  let isFull = true;
  disk.fault = (operation, path) => {
    if (!isFull || operation !== 'append') return undefined;
    // A part of it was written.
    disk.fault = undefined;
    disk.append(path, Uint8Array.of(1, 2, 3));
    return Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  expect(() => log.append(text('b'))).toThrow('ENOSPC');
  expect(disk.size(segments(disk)[0]!)).toBe(size);
  expect(told).toEqual(['trouble']);
  isFull = false;
  clock.advance(100);
  expect(told).toEqual(['trouble', 'room']);
  await log.synced(log.append(text('c')));
  expect(told).toEqual(['trouble', 'room', 'recovered']);
  for (const each of [log, open(disk).log]) expect(contents(each)).toEqual(['1:a', '2:c']);
});

it('has no room while too much waits for the disk, but takes a cut', async () => {
  const held = new HeldDisk();
  held.isHeld = true;
  const { log, told } = open(held.disk, { maxUnsyncedBytes: 1500, syncEveryBytes: 500 });
  log.append(text('x'.repeat(900)));
  await settled();
  expect(log.hasRoom).toBe(true);
  log.append(text('y'.repeat(900)));
  expect(log.hasRoom).toBe(false);
  expect(log.append(cut(1))).toBe(3);
  await held.finish();
  expect(told).toEqual(['room']);
});

it('trims whole segments before a cut, and says first that they are not needed', async () => {
  const disk = new MemoryDisk();
  const { log } = open(disk, { segmentBytes: 300 });
  for (let n = 1; n <= 10; n++) {
    log.append(text('x'.repeat(200)));
    await log.synced(log.append(cut(n)));
  }
  const before = segments(disk).length;
  log.trim(7);
  await settled();
  expect(segments(disk).length).toBeLessThan(before - 4);
  expect(log.cut(6)).toBeUndefined();
  expect(log.cut(0)).toBeUndefined();
  const after = open(disk).log;
  expect(after.cut(7)?.ordinal).toBe(14);
  expect(after.cutsBehind(7).map(({ record }) => record.barrier.number)).toEqual([8, 9, 10]);
  expect([...after.read(14)]).toHaveLength(6);
  expect(() => [...after.read(0)]).toThrow(/record 1/);
  // The disk lost none of the names, say: they are not missed, and not read.
  expect(after.append(text('z'))).toBe(21);
});

it('I4: what a dead opening still writes does not count', async () => {
  const disk = new MemoryDisk();
  const { log: zombie } = open(disk, { segmentBytes: 100 });
  await zombie.synced(zombie.append(text('a')));
  const { log } = open(disk);
  for (const line of ['z1', 'z2'.repeat(60), 'z3']) zombie.append(text(line));
  await zombie.synced(4);
  expect(log.append(text('b'))).toBe(2);
  await log.synced(log.append(text('c')));
  await zombie.synced(zombie.append(text('z4')));
  for (const each of [log, open(copyOf(disk)).log])
    expect(contents(each)).toEqual(['1:a', '2:b', '3:c']);
});

it('a log that lacks the cut of the start is refused, a log that is new is not', async () => {
  const disk = new MemoryDisk();
  expect(open(disk, { start: 5 }).log.cut(5)).toBeUndefined();
  const { log } = open(disk);
  for (const number of [3, 7]) await log.synced(log.append(cut(number)));
  expect(open(disk, { start: 3 }).log.cut(3)?.ordinal).toBe(1);
  expect(() => open(disk, { start: 5 })).toThrow(/barriers behind 5/);
  expect(open(disk, { start: 9 }).log.last).toBe(2);
});

function segments(disk: MemoryDisk): string[] {
  return disk.paths().filter((path) => path.startsWith(`${DIRECTORY}/segment-`));
}

it('a disk that has no room is no better because what came before is durable', async () => {
  const disk = new MemoryDisk();
  const { log, clock, told } = open(disk);
  log.append(text('a'));
  disk.fault = (operation) =>
    operation === 'append' ? Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }) : undefined;
  expect(() => log.append(text('b'))).toThrow('ENOSPC');
  for (let turn = 0; turn < 5; turn++) {
    clock.advance(1000);
    await settled();
    expect(() => log.append(text('b'))).toThrow('ENOSPC');
  }
  expect(told.filter((word) => word !== 'room')).toEqual(['trouble']);
  disk.fault = undefined;
  clock.advance(2000);
  log.append(text('b'));
  clock.advance(1000);
  await settled();
  expect(told.at(-1)).toBe('recovered');
  expect(contents(open(disk).log)).toEqual(['1:a', '2:b']);
});
