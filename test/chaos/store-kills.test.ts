/** A process is killed in the middle of commits to a real store, again and again: each row is there once. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStore } from '../fixtures/stores/file-store.ts';
import { type Row, sqlite, SqliteStore } from '../fixtures/stores/sqlite-store.ts';
import { Life } from './kill9/trial.ts';

const JOB = new URL('../fixtures/jobs/stored.ts', import.meta.url).href;
const PER_FILE = 5;
const STEPS = ['before', 'in', 'after'] as const;
const module = await sqlite();

let room: string;
let rows = 0;
let feeding: NodeJS.Timeout | undefined;
let lives: Life[];

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'store-kills-'));
  mkdirSync(join(room, 'input'));
  rows = 0;
  lives = [];
  feeding = setInterval(() => {
    const name = `${rows}`;
    const lines = Array.from({ length: PER_FILE }, () => `${rows++}\n`);
    writeFileSync(join(room, 'input', `.${name}`), lines.join(''));
    renameSync(join(room, 'input', `.${name}`), join(room, 'input', name));
  }, 40);
});
afterEach(async () => {
  clearInterval(feeding);
  for (const life of lives) await life.kill();
  rmSync(room, { recursive: true });
});

function start(kind: string, env: NodeJS.ProcessEnv = {}): Life {
  const args = { input: join(room, 'input'), target: join(room, 'target'), kind };
  const options = { threads: 1, checkpointDir: join(room, 'state'), checkpointInterval: 500, args };
  const life = new Life({ job: JOB, options, deadlineMs: 30_000 }, { env });
  lives.push(life);
  return life;
}

const TARGETS: readonly (readonly [string, () => readonly Row[], boolean])[] = [
  ['file', () => FileStore.rows<Row>(join(room, 'target')), true],
  ['sqlite', () => SqliteStore.rows(module!, join(room, 'target')), module !== undefined],
];

describe.each(TARGETS)('a store in %s', (kind, read, isThere) => {
  it.skipIf(!isThere)(
    'has each row once, although the process is killed before, in and behind its commits',
    async () => {
      for (const step of STEPS) {
        const life = start(kind, { STORE_DIES: step, STORE_DIES_AT: '2' });
        expect((await life.exited).signal).toBe('SIGKILL');
      }
      clearInterval(feeding);
      const last = start(kind);
      await last.up();
      await last.until('all rows are there', () => read().length >= rows);
      last.signal('SIGTERM');
      expect((await last.exited).code).toBe(0);
      const ids = read().map(({ id }) => id);
      expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, n) => n));
      expect(rows).toBeGreaterThan(20);
    },
    120_000,
  );
});
