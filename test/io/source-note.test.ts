import { expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { SourceNote } from '../../src/io/source-note.ts';

it('I1: a torn write leaves the note before', () => {
  const disk = new MemoryDisk();
  const note = new SourceNote(disk, '/n');
  expect(note.read()).toBeUndefined();
  for (const value of [{ a: 1 }, { a: 2 }, { a: 3 }]) note.write(value);
  expect(new SourceNote(disk, '/n').read()).toEqual({ a: 3 });
  const torn = disk.read('/n.1');
  disk.write('/n.1', torn.subarray(0, torn.length - 3));
  const successor = new SourceNote(disk, '/n');
  expect(successor.read()).toEqual({ a: 2 });
  successor.write({ a: 4 });
  expect(new SourceNote(disk, '/n').read()).toEqual({ a: 4 });
});
