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
import { basename, dirname, join } from 'node:path';
import * as zlib from 'node:zlib';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { SourceNote } from '../../src/io/source-note.ts';
import { FilesSource, type FilesOptions } from '../../src/io/files-source.ts';
import { testContext, type TestContext, type TestContextOptions } from './_context.ts';
import { ListEdge } from './_list-edge.ts';

let directory: string;
/** Sources of the test: one that lost its thread has no file open, but these live on. */
const sources: FilesSource[] = [];

function made(options: FilesOptions): FilesSource {
  const source = new FilesSource(options);
  sources.push(source);
  return source;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-files-'));
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await rm(directory, { recursive: true, force: true });
});

/** A file whose modification time is so many ms after 1970, as the virtual clock has it. */
async function put(name: string, text: string | Uint8Array, mtimeMs: number): Promise<void> {
  const hidden = join(directory, dirname(name), `.${basename(name)}`);
  await writeFile(hidden, text);
  await utimes(hidden, mtimeMs / 1000, mtimeMs / 1000);
  await rename(hidden, join(directory, name));
}

function files(
  options: Partial<FilesOptions> = {},
  contextOptions: TestContextOptions = {},
): TestContext & { source: FilesSource; pull: (time: number) => Promise<string[]> } {
  const source = made({ directory, batchIntervalMs: 1000, ...options });
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
      const source = made({ directory, batchIntervalMs: 1000 });
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
    const source = made({ directory, batchIntervalMs: 1000 });
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

describe('fileStream', () => {
  const json = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, n) => `{"n":${from + n}}\n`).join('');
  const rowsOf = async (source: FilesSource, time: number): Promise<(readonly unknown[])[][]> => {
    const { partitions } = await source.pull(time);
    return partitions!.map((partition) =>
      (partition as readonly (readonly unknown[])[]).map(([path, at, bytes, ...rest]) => [
        String(path).slice(directory.length + 1),
        at,
        Buffer.from(bytes as Uint8Array).toString('latin1'),
        ...rest,
      ]),
    );
  };

  it('gives pieces of whole records, with the lines before them', async () => {
    await put('a.json', json(0, 3), 10);
    await put('b.json', json(3, 5), 20);
    const { source } = files({ format: 'json' }, { partitions: 2 });
    expect(await rowsOf(source, 1000)).toEqual([
      [['a.json', 0, json(0, 3)]],
      [['b.json', 0, json(3, 5)]],
    ]);
  });

  it('I2: goes on in the middle of a file, and says at which line', async () => {
    await put('a', json(0, 2000), 10);
    const { source } = files({ format: 'json' }, { edge: new ListEdge(1 << 14) });
    const all: (readonly unknown[])[] = [];
    let batches = 0;
    for (let time = 1000; ; time += 1000) {
      const [rows] = await rowsOf(source, time);
      if (rows!.length === 0) break;
      all.push(...rows!);
      batches++;
    }
    expect(batches).toBeGreaterThan(2);
    expect(all.map((row) => row[2]).join('')).toBe(json(0, 2000));
    for (const [, line, text] of all) expect(text).toMatch(new RegExp(`^{"n":${String(line)}}\n`));
  });

  it('I2: spreads a large file over the partitions that are empty, in order', async () => {
    await put('a', json(0, 5000), 10);
    await put('b', json(5000, 5010), 20);
    const { source } = files({ format: 'json' }, { edge: new ListEdge(1 << 14), partitions: 3 });
    const texts: string[] = [];
    for (const time of [1000, 2000, 3000, 4000]) {
      const partitions = await rowsOf(source, time);
      texts.push(...partitions.map((rows) => rows.map((row) => row[2]).join('')));
    }
    expect(texts.join('')).toBe(json(0, 5010));
    expect(texts.slice(0, 3).every((text) => text.length > 4000)).toBe(true);
  });

  it('I2: takes no more of a file than the rate allows', async () => {
    await put('a', json(0, 25), 10);
    for (const format of ['json', 'text'] as const) {
      const test = testContext();
      const source = made({ directory, batchIntervalMs: 1000, format });
      source.open({ ...test.context, rate: () => 10 });
      const lines: number[] = [];
      for (const time of [1000, 2000, 3000, 4000]) {
        const text =
          format === 'json'
            ? (await rowsOf(source, time))[0]!.map((row) => row[2]).join('')
            : Buffer.from((await source.pull(time)).partitions![0] as Uint8Array).toString();
        lines.push(text.split('\n').length - 1);
      }
      expect(lines).toEqual([10, 10, 5, 0]);
    }
  });

  it('I3: a successor cuts the open batch in the same places, whatever its predecessor had in hand', async () => {
    await put('a', json(0, 3000), 10);
    const disk = new MemoryDisk();
    disk.makeDirectory('/job');
    const edge = new ListEdge(1 << 14);
    const successor = (): FilesSource => {
      const source = made({ directory, batchIntervalMs: 1000, format: 'json' });
      const { context } = testContext({ edge });
      source.open({ ...context, rate: () => 333, note: new SourceNote(disk, '/job/source-0') });
      return source;
    };
    let source = successor();
    const batches = [];
    for (let time = 1000; time <= 10_000; time += 1000) {
      const batch = await rowsOf(source, time);
      if (time % 3000 === 0) source = successor();
      const again = time % 3000 === 0 ? await rowsOf(source, time) : batch;
      expect(again).toEqual(batch);
      batches.push(...batch[0]!);
    }
    expect(batches.map((row) => row[2]).join('')).toBe(json(0, 3000));
  });

  it('sends the header of a CSV file with each piece', async () => {
    await put('a.csv', '\uFEFFname,n\n"x\ny",1\nz,2\n', 10);
    const { source } = files({ format: 'csv', header: true });
    expect(
      (await rowsOf(source, 1000))[0]!.map(([path, at, , header]) => [path, at, header]),
    ).toEqual([['a.csv', 0, 'name,n\n']]);
  });

  it('reads what gzip made, several members and all', async () => {
    const text = 'line one\nline two\n'.repeat(5000);
    await put('a.gz', gzipSync(text), 10);
    await put('b.GZ', Buffer.concat([gzipSync('x\n'), gzipSync('y\n')]), 20);
    await put('c', gzipSync('z\n'), 30);
    const { pull } = files({ filter: (name) => name !== 'c' });
    expect(await pull(1000)).toEqual([`${text}x\ny\n`]);
    const plain = files({ compression: 'gzip', filter: (name) => name === 'c' });
    expect(await plain.pull(1000)).toEqual(['z\n']);
  });

  it('I2: goes on in the middle of a compressed file, and so does a successor', async () => {
    const text = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join('');
    await put('a.gz', gzipSync(text), 10);
    const disk = new MemoryDisk();
    disk.makeDirectory('/job');
    const edge = new ListEdge(1 << 14);
    let all = '';
    for (let time = 1000; time < 20_000; time += 1000) {
      const { context } = testContext({ edge });
      const source = made({ directory, batchIntervalMs: 1000 });
      source.open({ ...context, note: new SourceNote(disk, '/job/source-0') });
      all += Buffer.from((await source.pull(time)).partitions![0] as Uint8Array).toString();
      await source.close();
    }
    expect(all).toBe(text);
  });

  const CUT = gzipSync('whole\n'.repeat(2000)).subarray(0, -12);

  it('a compressed file that is cut off fails the job, and names file and place', async () => {
    await put('a.gz', CUT, 10);
    const { pull, failures } = files();
    await pull(1000);
    expect(failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_BAD_FILE',
        message: expect.stringMatching(
          /job\.ts:2:7.*a\.gz can't be read behind byte \d+.*unexpected end/,
        ),
        context: { path: join(directory, 'a.gz') },
      },
    ]);
  });

  it('or its rest is told of as a dead letter, and the files behind it are read', async () => {
    await put('a.gz', CUT, 10);
    await put('b', 'next\n', 20);
    const { pull, failures, told } = files({ onBadRecord: 'deadLetter' });
    const [text] = await pull(1000);
    expect(text).toMatch(/^(?:whole\n)+next\n$/);
    expect(failures).toEqual([]);
    expect(told).toMatchObject([
      {
        type: 'deadLetter',
        reason: 'badFile',
        file: join(directory, 'a.gz'),
        offset: text!.length - 'next\n'.length,
        error: { millrace: { context: {} }, code: 'ERR_MILLRACE_BAD_FILE' },
      },
    ]);
  });

  it('a rest that is shorter than a record of bytes fails the job, or is told of', async () => {
    await put('a.bin', 'aaaabbbbcc', 10);
    await put('b.bin', 'dddd', 20);
    const binary = { format: 'binary', recordLength: 4 } as const;
    const failing = files(binary);
    await failing.source.pull(1000);
    expect(failing.failures).toMatchObject([
      { code: 'ERR_MILLRACE_BAD_FILE', context: { offset: 8, path: join(directory, 'a.bin') } },
    ]);
    const { source, told, failures } = files({ ...binary, onBadRecord: 'deadLetter' });
    expect(await rowsOf(source, 1000)).toEqual([
      [
        ['a.bin', 0, 'aaaabbbb'],
        ['b.bin', 0, 'dddd'],
      ],
    ]);
    expect([failures, told.length]).toEqual([[], 1]);
  });

  const compressZstd = (zlib as { zstdCompressSync?: (data: string) => Buffer }).zstdCompressSync;

  it.runIf(compressZstd !== undefined)('reads zstd', async () => {
    await put('a.zst', compressZstd!('a\nb\n'), 10);
    await put('b.zst', compressZstd!('c\n'.repeat(1000)).subarray(0, -3), 20);
    const { pull, failures } = files();
    await pull(1000);
    expect(failures).toMatchObject([{ code: 'ERR_MILLRACE_BAD_FILE' }]);
    await rm(join(directory, 'b.zst'));
    expect(await files().pull(1000)).toEqual(['a\nb\n']);
  });

  it.runIf(compressZstd === undefined)('says that this Node reads no zstd', async () => {
    await put('a.zst', 'whatever', 10);
    const { pull, failures } = files();
    await pull(1000);
    expect(failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_UNSUPPORTED',
        message: expect.stringMatching(/a\.zst is compressed with zstd.*Node 22\.15/),
      },
    ]);
  });

  it('looks into all directories that a pattern matches, and takes their files together in order', async () => {
    for (const name of ['in-1', 'in-2', 'out']) await mkdir(join(directory, name));
    await put('in-2/a', 'second\n', 20);
    await put('in-1/b', 'first\n', 10);
    await put('in-1/a', 'third\n', 20);
    await put('out/a', 'never\n', 10);
    const { pull } = files({ directory: join(directory, 'in-*') });
    expect(await pull(1000)).toEqual(['first\nthird\nsecond\n']);
    await mkdir(join(directory, 'in-3'));
    await put('in-3/c', 'from a new one\n', 1500);
    expect(await pull(2000)).toEqual(['from a new one\n']);
  });

  it('takes a directory for itself whose name looks like a pattern', async () => {
    await mkdir(join(directory, '[a]'));
    await put('[a]/x', 'x\n', 10);
    const { pull } = files({ directory: join(directory, '[a]') });
    expect(await pull(1000)).toEqual(['x\n']);
  });

  it('leaves a slow copy alone until neither size nor time changes any more', async () => {
    const { pull } = files({ settleMs: 1000 });
    await put('a', 'half of', 100);
    expect(await pull(1000)).toEqual(['']);
    await put('a', 'half of it\n', 100);
    expect(await pull(2000), 'it grew, though its time is old').toEqual(['']);
    expect(await pull(3000)).toEqual(['half of it\n']);
  });
});
