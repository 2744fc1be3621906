/** Which files of a transactional file sink stay, and which are removed, when a life begins. */
import { isAbsolute } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { files } from '../../src/io/file-sink.ts';
import type { Kept, Sink } from '../../src/plan/sink.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A life on a disk that has these files in `/out`. */
function life(
  names: readonly string[],
  { start, directory = '/out' }: { readonly start?: number; readonly directory?: string } = {},
): { readonly disk: MemoryDisk; readonly sink: Sink<string> } {
  const disk = new MemoryDisk();
  disk.makeDirectory('/out');
  for (const name of names) disk.write(`/out/${name}`, bytes(name));
  const sink = files<string>(directory).make();
  sink.open!({
    name: 'out',
    instance: 0,
    parallelism: 1,
    key: 'out/0',
    start,
    disk,
    life: 'new',
    patiently: (act) => act(),
    write: () => {},
    collect: () => {},
  });
  return { disk, sink };
}

const left = (disk: MemoryDisk): string[] => disk.paths().map((path) => path.slice('/out/'.length));
const kept = (id: number, ...from: string[]): Kept => ({
  id,
  publish: from.map((name) => ({ from: `/out/${name}`, to: `/out/part-0-${id}` })),
});

describe('when a life begins', () => {
  it('what dead lives left is removed, but what was prepared and may yet count', () => {
    const { disk, sink } = life([
      '.part-0.old-0.tmp',
      '.part-0.old-1.tmp',
      '.part-0.old-2.tmp',
      '.part-0.old-3.tmp-copy0',
      '.part-0.old-4.tmp-copy1',
      '.part-1.old-0.tmp',
      '.part-0-1.old-0.tmp',
      'part-0-3',
    ]);
    void sink.recover!(4, [kept(5, '.part-0.old-1.tmp'), kept(6, '.part-0.old-3.tmp')]);
    expect(left(disk)).toEqual([
      '.part-0-1.old-0.tmp',
      '.part-0.old-1.tmp',
      '.part-0.old-3.tmp-copy0',
      '.part-1.old-0.tmp',
      'part-0-3',
    ]);
  });

  it('I1: files of points that the job went back behind are removed, if it has a past', () => {
    const names = ['part-0-7', 'part-0-8', 'part-0-12', 'part-0-9', 'part-1-9', 'part-0-x'];
    const { disk, sink } = life(names, { start: 7 });
    void sink.recover!(7, []);
    expect(left(disk)).toEqual(['part-0-7', 'part-0-x', 'part-1-9']);
  });

  it('a file that has got its name meanwhile stays', () => {
    const { disk, sink } = life(['part-0-7', 'part-0-8'], { start: 7 });
    void sink.recover!(7, [kept(8, '.part-0.old-0.tmp')]);
    expect(left(disk)).toEqual(['part-0-7', 'part-0-8']);
  });

  it.each([[undefined], [0]])(
    'files of other runs stay where the job has no past (%s)',
    (start) => {
      const { disk, sink } = life(['part-0-7'], start === undefined ? {} : { start });
      void sink.recover!(0, []);
      expect(left(disk)).toEqual(['part-0-7']);
    },
  );

  it('a directory that is not there yet is made with the first record', () => {
    const { disk, sink } = life([], { directory: '/other' });
    void sink.recover!(0, []);
    expect(disk.paths()).toEqual([]);
    void sink.process!(['a', 'b']);
    const publish = sink.publish!(3) as readonly { from: string; to: string }[];
    expect(publish).toEqual([{ from: '/other/.part-0.new-0.tmp', to: '/other/part-0-3' }]);
    expect(new TextDecoder().decode(disk.read(publish[0]!.from))).toBe('a\nb\n');
    expect(sink.publish!(4)).toEqual([]);
  });
});

it('paths are whole, so a process that is started elsewhere finds the files', () => {
  const { sink } = life([], { directory: 'relative' });
  void sink.process!(['a']);
  const [publication] = sink.publish!(1) as readonly { from: string; to: string }[];
  expect([publication!.from, publication!.to].every(isAbsolute)).toBe(true);
});
