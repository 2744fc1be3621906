import { expect, it } from 'vitest';
import { realEnv } from '../../src/env/real.ts';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { copyCut, lookAtLog } from '../../src/log/copied-cut.ts';
import { contents, cut, DIRECTORY, open, text } from './log-disk.ts';

const { clock } = realEnv();

it('a log of one cut, durable, while the owner goes on', async () => {
  const disk = new MemoryDisk({ mayCrash: true });
  disk.makeDirectory('/s');
  await disk.sync('/');
  const { log } = open(disk, { segmentBytes: 150 });
  for (let n = 1; n <= 5; n++) {
    log.append(text('x'.repeat(100)));
    await log.synced(log.append(cut(n, { at: n })));
  }
  expect(await copyCut(disk, clock, DIRECTORY, '/s/log/lines', 4)).toBe(true);
  expect(await copyCut(disk, clock, DIRECTORY, '/s/log/other', 9)).toBe(false);
  disk.crash(disk.chance);
  const copy = open(disk, { directory: '/s/log/lines', start: 4 }).log;
  expect(contents(copy)).toEqual(['1:#4']);
  expect(copy.cut(4)?.record?.note).toEqual({ at: 4 });
  expect(copy.append(text('more'))).toBe(2);
  expect(log.append(text('y'))).toBe(11);
});

it('who only looks changes nothing, and sees what is there now', async () => {
  const disk = new MemoryDisk();
  const { log } = open(disk);
  await log.synced(log.append(cut(1)));
  const before = disk.paths();
  log.append(text('not synced'));
  expect(lookAtLog(disk, DIRECTORY)).toMatchObject({ first: 1, synced: 1, last: 2 });
  expect(disk.paths()).toEqual(before);
});
