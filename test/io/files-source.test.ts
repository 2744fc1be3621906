import {
  mkdtemp,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
  appendFile,
  mkdir,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { SourceNote } from '../../src/io/source-note.ts';
import { FilesSource, type FilesOptions } from '../../src/io/files-source.ts';
import { testContext, type TestContext, type TestContextOptions } from './_context.ts';
import { ListEdge } from './_list-edge.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-files-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A file whose modification time is so many ms after 1970, as the virtual clock has it. */
async function put(name: string, text: string, mtimeMs: number): Promise<void> {
  await writeFile(join(directory, `.${name}`), text);
  await utimes(join(directory, `.${name}`), mtimeMs / 1000, mtimeMs / 1000);
  await rename(join(directory, `.${name}`), join(directory, name));
}

function files(
  options: Partial<FilesOptions> = {},
  contextOptions: TestContextOptions = {},
): TestContext & { source: FilesSource; pull: (time: number) => Promise<string[]> } {
  const source = new FilesSource({ directory, batchIntervalMs: 1000, ...options });
  const test = testContext({ name: 'textFileStream at job.ts:2:7', ...contextOptions });
  source.open(test.context);
  const pull = async (time: number): Promise<string[]> => {
    const { partitions } = await source.pull(time);
    return partitions!.map((partition) => Buffer.from(partition as Uint8Array).toString());
  };
  return { ...test, source, pull };
}

describe('textFileStream', () => {
  it('I1: takes the files of the window, each once, in the order of time, then name', async () => {
    const { pull, gaps } = files({}, { startMs: 500 });
    await put('old', 'before the start\n', 500);
    await put('c', 'c\n', 600);
    await put('b', 'b\n', 700);
    await put('a', 'a\n', 700);
    await put('later', 'later\n', 1001);
    await writeFile(join(directory, '.hidden'), 'hidden\n');
    await mkdir(join(directory, 'directory'));
    expect(await pull(1000)).toEqual(['c\na\nb\n']);
    expect(await pull(2000)).toEqual(['later\n']);
    expect(await pull(3000)).toEqual(['']);
    expect(gaps).toEqual([]);
  });

  it('takes old files too when asked to, as far back as it remembers', async () => {
    await put('too old', '1\n', 40_000);
    await put('old', '2\n', 40_001);
    const { pull } = files({ newFilesOnly: false }, { startMs: 99_500 });
    expect(await pull(100_000)).toEqual(['2\n']);
  });

  it('rounds what it remembers up to whole batches', async () => {
    await put('old', '1\n', 99_000);
    const { pull } = files(
      { newFilesOnly: false, rememberMs: 1, batchIntervalMs: 2000 },
      { startMs: 99_500 },
    );
    expect(await pull(100_000)).toEqual(['1\n']);
  });

  it('puts the i-th file of a batch into partition i mod P, and ends each with a newline', async () => {
    for (const n of [1, 2, 3, 4, 5]) await put(`f${n}`, `line ${n}`, n * 10);
    const { pull } = files({}, { partitions: 2 });
    expect(await pull(1000)).toEqual(['line 1\nline 3\nline 5\n', 'line 2\nline 4\n']);
  });

  it('leaves a file alone until it has settled', async () => {
    await put('a', 'a\n', 800);
    const { pull } = files({ settleMs: 500 });
    expect(await pull(1000)).toEqual(['']);
    expect(await pull(1300), 'seen for 300 ms').toEqual(['']);
    expect(await pull(1500)).toEqual(['a\n']);
  });

  it('I4: tells of files that changed after they were taken, or come too late', async () => {
    const { pull, gaps } = files({}, { startMs: 100 });
    await put('a', 'a\n', 900);
    await put('before', 'x\n', 100);
    expect(await pull(1000)).toEqual(['a\n']);
    await appendFile(join(directory, 'a'), 'more\n');
    await put('late', 'late\n', 50);
    expect(await pull(2000)).toEqual(['']);
    expect(await pull(3000)).toEqual(['']);
    expect(gaps).toEqual([
      expect.stringMatching(/late is not read: its modification time/),
      expect.stringMatching(/a was changed after it was taken/),
    ]);
  });

  it('shows that the directory is missing, and goes on when it is there', async () => {
    await rm(directory, { recursive: true });
    const { pull, states, failures } = files();
    expect(await pull(1000)).toEqual(['']);
    expect(states.at(-1)).toMatchObject({
      state: 'disconnected',
      retryInMs: 1000,
      error: {
        code: 'ERR_MILLRACE_CONNECT',
        message: expect.stringMatching(/job\.ts:2:7.*ENOENT/),
      },
    });
    await mkdir(directory);
    await put('a', 'a\n', 1500);
    expect(await pull(2000)).toEqual(['a\n']);
    expect(states.at(-1)).toEqual({ state: 'connected' });
    expect(failures).toEqual([]);
  });

  it('I2: spreads what is too much for one batch over several, at line ends', async () => {
    const edge = new ListEdge(1 << 16);
    const line = (name: string, n: number): string => `${name} ${n} ${'x'.repeat(90)}\n`;
    const text = (name: string, lines: number): string =>
      Array.from({ length: lines }, (_, n) => line(name, n)).join('');
    await put('a', text('a', 100), 10);
    await put('b', text('b', 1000), 20);
    await put('c', text('c', 10), 30);
    const { pull } = files({}, { edge });
    const batches: string[] = [];
    for (let time = 1000; batches.at(-1) !== ''; time += 1000) batches.push(...(await pull(time)));
    expect(batches[0]).toBe(text('a', 100));
    expect(batches.length).toBeGreaterThan(4);
    for (const batch of batches) {
      expect(batch.length).toBeLessThanOrEqual(edge.size / 2);
      expect(batch === '' || batch.endsWith('\n')).toBe(true);
    }
    expect(batches.join('')).toBe(text('a', 100) + text('b', 1000) + text('c', 10));
  });

  it('fails, cuts or skips lines that are too long, also those larger than a batch', async () => {
    const text = `short\n${'y'.repeat(50_000)}\nend\n`;
    await put('a', text, 10);
    const edge = new ListEdge(1 << 16);
    const failing = files({}, { edge });
    await failing.pull(1000);
    expect(failing.failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_LINE_TOO_LONG',
        message: expect.stringContaining(join(directory, 'a')),
      },
    ]);
    for (const [onLongLine, expected, counts] of [
      ['cut', `short\n${'y'.repeat(100)}\nend\n`, { linesCut: 1 }],
      ['skip', 'short\nend\n', { linesSkipped: 1 }],
    ] as const) {
      const test = files({ onLongLine, maxLineBytes: 100 }, { edge });
      let all = '';
      for (let time = 1000; time < 6000; time += 1000) all += (await test.pull(time)).join('');
      expect(all).toBe(expected);
      expect(test.counts).toEqual(counts);
    }
  });

  it('I3: a successor gives an unfinished batch again and loses no file', async () => {
    const disk = new MemoryDisk();
    disk.makeDirectory('/job');
    const edge = new ListEdge(1 << 16);
    const successor = (startMs: number): ReturnType<typeof files> => {
      const note = new SourceNote(disk, '/job/source-0');
      const source = new FilesSource({ directory, batchIntervalMs: 1000 });
      const test = testContext({ startMs, edge });
      source.open({ ...test.context, note });
      const pull = async (time: number): Promise<string[]> => {
        const { partitions } = await source.pull(time);
        return partitions!.map((partition) => Buffer.from(partition as Uint8Array).toString());
      };
      return { ...test, source, pull };
    };
    const big = `${'z'.repeat(99)}\n`.repeat(500);
    await put('a', 'a\n', 200);
    await put('big', big, 300);
    const first = successor(100);
    const batches = [(await first.pull(1000))[0]!, (await first.pull(2000))[0]!];
    expect(batches[0]).toBe('a\n');
    expect(batches[1]!.length).toBeGreaterThan(0);
    await put('while away', 'b\n', 2500);
    const second = successor(3000);
    expect(await second.pull(2000), 'the open batch, byte for byte').toEqual([batches[1]]);
    const rest = [(await second.pull(3000))[0]!, (await second.pull(4000))[0]!];
    expect(batches[1]! + rest.join('')).toBe(`${big}b\n`);
    const third = successor(5000);
    expect(await third.pull(5000)).toEqual(['']);
  });

  it("loses no file when it can't note what it gives: the batch is empty, the next one has it", async () => {
    const disk = new MemoryDisk();
    disk.makeDirectory('/job');
    const test = testContext({ startMs: 100 });
    const source = new FilesSource({ directory, batchIntervalMs: 1000 });
    source.open({ ...test.context, note: new SourceNote(disk, '/job/source-0') });
    await put('a', 'a\n', 200);
    disk.fault = (operation) => (operation === 'write' ? new Error('ENOSPC') : undefined);
    await expect(source.pull(1000)).rejects.toThrow('ENOSPC');
    disk.fault = undefined;
    const { partitions } = await source.pull(2000);
    expect(Buffer.from(partitions![0] as Uint8Array).toString()).toBe('a\n');
  });

  it('leaves files as they are', async () => {
    await put('a', 'a', 10);
    await files().pull(1000);
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('a');
  });
});
