/** Files that outputs write hold each record once, although workers die while they are written. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import { FileStore } from '../fixtures/stores/file-store.ts';
import saves from '../fixtures/jobs/saves.ts';

const BATCHES = 6;
const PER_BATCH = 20;

it('files, a store, parts that are replaced and a directory a batch hold each record once when workers die', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-saves-'));
  const notes = join(directory, 'deaths');
  mkdirSync(notes);
  const inputs = [
    Array.from({ length: BATCHES }, (_, b) =>
      Array.from({ length: PER_BATCH }, (__, i) => b * PER_BATCH + i),
    ),
  ];
  const { errors } = await runBatches(
    {
      inputs,
      threads: 2,
      partitions: 2,
      args: { directory, deaths: { directory: notes, at: [5, 21, 30, 42, 63, 90, 131, 170] } },
      supervision: { maxRestarts: 20, backoff: { maxMs: 50 } },
    },
    saves,
  );
  expect(errors).toEqual([]);
  expect(readdirSync(notes).length).toBeGreaterThan(2);
  const read = (...path: string[]): string[] =>
    readFileSync(join(directory, ...path), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  const wanted = inputs[0]!.flat().map((n) => `line ${n}`);
  const sink = readdirSync(join(directory, 'sink'));
  expect(sink.filter((name) => name.startsWith('.'))).toEqual([]);
  expect(sink.flatMap((name) => read('sink', name)).sort()).toEqual(wanted.toSorted());
  expect(FileStore.rows<string>(join(directory, 'store')).toSorted()).toEqual(wanted.toSorted());
  const parts = readdirSync(directory).filter((name) => name.startsWith('parts-'));
  expect(parts).toHaveLength(2 * BATCHES);
  expect(parts.flatMap((name) => read(name)).toSorted()).toEqual(wanted.toSorted());
  const text = inputs[0]!.map((_, b) => `text-${1000 * (b + 1)}`);
  expect(readdirSync(directory).sort()).toEqual(
    ['deaths', 'sink', 'store', ...parts, ...text].sort(),
  );
  expect(
    text.flatMap((name) => ['part-00000', 'part-00001'].flatMap((part) => read(name, part))),
  ).toEqual(wanted);
  rmSync(directory, { recursive: true });
});
