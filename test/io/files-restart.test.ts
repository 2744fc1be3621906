/** Files over restarts of the process: each is read once, whatever came while there was none, and batches are as they were. */
import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import { FilesSource, type FilesOptions } from '../../src/io/files-source.ts';
import { SourceHost } from '../../src/io/source-host.ts';
import { openSourceLog } from '../../src/log/source-log.ts';
import { testContext } from './_context.ts';
import { barrier, TestEdge, type Seen } from './_edges.ts';

let directory: string;
let disk: MemoryDisk;
let living: SourceHost[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-restart-'));
  disk = new MemoryDisk();
  disk.makeDirectory('/log');
  living = [];
});
afterEach(async () => {
  for (const host of living) host.abandon();
  await new Promise((resolve) => setImmediate(resolve));
  await rm(directory, { recursive: true, force: true });
});

/** A file whose modification time is so many ms after 1970, as the virtual clock has it. */
async function put(name: string, text: string, mtimeMs: number): Promise<void> {
  const hidden = join(directory, `.${name}`);
  await writeFile(hidden, text);
  await utimes(hidden, mtimeMs / 1000, mtimeMs / 1000);
  await rename(hidden, join(directory, name));
}

/** A process that begins at that time, behind that barrier. Its predecessor is gone, with all that lay on edges. */
class Life {
  readonly edges: readonly TestEdge[] = [new TestEdge(1 << 16), new TestEdge(1 << 16)];
  readonly gaps: string[] = [];
  readonly host: SourceHost;
  readonly #env: SimEnv;
  #put = 0;

  constructor(nowMs: number, start = 0, options: Partial<FilesOptions> = {}) {
    this.#env = simEnv(1, nowMs, disk);
    const source = new FilesSource({ directory, batchIntervalMs: 1000, ...options });
    this.host = new SourceHost(
      this.#env,
      [
        {
          id: 0,
          name: 'textFileStream at job.ts:1:1',
          source,
          edges: this.edges.map((edge) => edge.writer),
          notePath: '/log/files.begun',
          log: {
            start,
            isWrittenAhead: true,
            open: (events) =>
              openSourceLog({
                disk,
                clock: this.#env.clock,
                directory: '/log/files',
                start,
                ...events,
              }),
          },
        },
      ],
      {
        onPut: (_, number) => (this.#put = number),
        onRelief() {},
        onState() {},
        onEvent: (_, event) => {
          if (event.type === 'possibleGap') this.gaps.push(event.detail);
        },
        onFailure: (_, error) => {
          throw error;
        },
      },
    );
    living.push(this.host);
    this.host.open();
  }

  /** The batch that ends at `timeMs`, by partition. */
  async cut(number: number, timeMs = number * 1000): Promise<string[]> {
    const seen = this.edges.map((edge) => edge.seen.length);
    this.host.cut(barrier(number, { time: timeMs }));
    while (this.#put < number) {
      this.#env.clock.advance(10);
      for (const edge of this.edges) edge.read();
      this.host.pump();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const edge of this.edges) edge.read().hold();
    this.host.onHeld(number);
    return this.edges.map((edge, n) => textOf(edge.seen.slice(seen[n])));
  }
}

function textOf(seen: readonly Seen[]): string {
  return seen.map((each) => ('text' in each ? each.text : '')).join('');
}

describe('files, when the process is started again', () => {
  it('are given again as they were; those that came while it was down are taken, none twice', async () => {
    const first = new Life(0);
    await put('a', 'a\n', 100);
    await put('b', 'b\n', 200);
    await put('c', 'c\n', 300);
    expect(await first.cut(1)).toEqual(['a\nc\n', 'b\n']);
    await put('d', 'd\n', 1500);
    expect(await first.cut(2)).toEqual(['d\n', '']);
    await put('down', 'down\n', 2500);
    const second = new Life(4000);
    expect(second.host.recorded()).toEqual([barrier(1), barrier(2)]);
    expect(await second.cut(1)).toEqual(['a\nc\n', 'b\n']);
    await put('e', 'e\n', 4200);
    expect(await second.cut(2)).toEqual(['d\n', '']);
    expect(await second.cut(3, 5000)).toEqual(['down\n', 'e\n']);
    expect(await second.cut(4, 6000)).toEqual(['', '']);
    expect([...first.gaps, ...second.gaps]).toEqual([]);
  });

  it('are taken however long it was down, and those before the first start never', async () => {
    await put('old', 'old\n', 90_000);
    const first = new Life(100_000, 0, { rememberMs: 5000 });
    expect(await first.cut(1, 101_000)).toEqual(['', '']);
    await put('soon', 'soon\n', 101_500);
    await put('later', 'later\n', 400_000);
    const second = new Life(900_000, 1, { rememberMs: 5000 });
    expect(await second.cut(2, 901_000)).toEqual(['soon\n', 'later\n']);
    await put('late', 'late\n', 500_000);
    expect(await second.cut(3, 902_000), 'from then on the window is as ever').toEqual(['', '']);
    expect(second.gaps).toEqual([expect.stringContaining('late is not read')]);
  });

  it('are new since the first start, also when that died before its first batch', async () => {
    await put('old', 'old\n', 500);
    new Life(1000);
    await put('new', 'new\n', 2000);
    const second = new Life(3000);
    expect(await second.cut(1, 4000)).toEqual(['new\n', '']);
  });

  it('go on in the middle of one', async () => {
    const lines = Array.from({ length: 3000 }, (_, n) => `line ${n} ${'x'.repeat(40)}\n`);
    const first = new Life(0);
    await put('large', lines.join(''), 100);
    const one = await first.cut(1);
    const two = await first.cut(2);
    expect(one.join('').length).toBeGreaterThan(0);
    const second = new Life(2500, 1);
    expect(await second.cut(2)).toEqual(two);
    const rest = [];
    for (let n = 3; n < 10; n++) rest.push(...(await second.cut(n)));
    expect([...one, ...two, ...rest].join('')).toBe(lines.join(''));
  });

  it('that could not be read for a batch are not in it when it is given again', async () => {
    for (const [n, name] of ['a', 'b', 'c'].entries()) await put(name, `${name}\n`, 100 + n);
    const { context } = testContext({ partitions: 2 });
    let noted: { readonly read: readonly (readonly [string, number])[] } | undefined;
    const note = {
      read: () => undefined,
      write: (value: unknown) => void (noted = value as never),
    };
    const source = new FilesSource({ directory, batchIntervalMs: 1000 });
    source.open({ ...context, note, isRecorded: true });
    await source.pull(1000);
    const unread = noted!.read.map(([path, end]) => [path, path.endsWith('/b') ? 0 : end]);
    const { partitions } = await source.pull(1000, { ...noted, read: unread });
    await source.close();
    expect(partitions!.map((part) => Buffer.from(part as Uint8Array).toString())).toEqual([
      'a\nc\n',
      '',
    ]);
  });

  it('that are gone when a batch is given again are told of', async () => {
    const first = new Life(0);
    await put('a', 'a\n', 100);
    await put('b', 'b\n', 200);
    await first.cut(1);
    await rm(join(directory, 'a'));
    const second = new Life(1500);
    expect(await second.cut(1)).toEqual(['', 'b\n']);
    expect(second.gaps).toEqual([
      expect.stringMatching(/^files of the batch at 1000 ms, which is given again, can't be read/),
    ]);
  });
});
