/** The kit for sinks: what is right passes it, and each mistake is found. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  files,
  forEach,
  idempotent,
  type Sink,
  type SinkSpec,
  transactional,
} from '../../src/index.ts';
import { type SinkVerdict, verifySink } from '../../src/testing/index.ts';
import { FileStore } from '../fixtures/stores/file-store.ts';
import { type Row, sqlite, SqliteStore } from '../fixtures/stores/sqlite-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'verify-sink-'));
afterAll(() => rmSync(directory, { recursive: true }));

let paths = 0;
const fresh = (): string => join(directory, String(paths++));
const record = (n: number): Row => ({ id: n, text: `row ${n}` });
const module = await sqlite();

/** Of published files, in no order. */
function linesIn(path: string): Row[] {
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(path, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

describe('sinks of the library pass', () => {
  it('files: each record once, none before it counts, whatever dies and although the disk is full', async () => {
    const path = fresh();
    const verdict = await verifySink<Row>(files(path), { read: () => linesIn(path), record });
    expect(verdict.failed).toEqual([]);
    expect(verdict.scenarios).toContain('its disk is full for a while');
    expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('a store in a file', async () => {
    const path = fresh();
    const spec = transactional<Row>((ctx) => new FileStore(path, ctx));
    const verdict = await verifySink(spec, { read: () => FileStore.rows<Row>(path), record });
    expect(verdict.failed).toEqual([]);
    expect(verdict.deaths).toBeGreaterThan(15);
  });

  it.skipIf(module === undefined)('a store in SQLite', async () => {
    const path = fresh();
    const spec = transactional<Row>((ctx) => new SqliteStore(module!, path, ctx));
    const read = (): readonly Row[] => SqliteStore.rows(module!, path);
    expect((await verifySink(spec, { read, record })).failed).toEqual([]);
  });

  it('parts that are replaced', async () => {
    const parts = new Map<string, readonly Row[]>();
    const spec = idempotent<Row>({
      write: async (rows, { batch, partition }) => {
        await Promise.resolve();
        parts.set(`${batch}-${partition}`, rows);
      },
    });
    const verdict = await verifySink(spec, { read: () => [...parts.values()].flat(), record });
    expect(verdict.failed).toEqual([]);
  });

  it('forEach, which promises no more than each record at least once', async () => {
    const seen: Row[] = [];
    const spec = forEach<Row>((row) => void seen.push(row));
    expect((await verifySink(spec, { read: () => seen, record })).failed).toEqual([]);
  });
});

/** A store in memory, with a mistake. */
interface Shared {
  rows: Row[];
  readonly ids: Map<string, number>;
}

function kinds(verdict: SinkVerdict): string[] {
  return [...new Set(verdict.findings.map(({ kind }) => kind))].toSorted();
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function verdictOf(
  mistake: (
    shared: Shared,
    key: string,
  ) => Pick<Sink<Row>, 'commit' | 'holds'> & Partial<Sink<Row>>,
): Promise<SinkVerdict> {
  const shared: Shared = { rows: [], ids: new Map() };
  const spec: SinkSpec<Row> = {
    kind: 'mistaken',
    params: {},
    delivery: 'transactional',
    make: () => {
      let rows: Row[] = [];
      let own!: ReturnType<typeof mistake>;
      return {
        open: ({ key }) => {
          own = mistake(shared, key);
        },
        process: (records) => void (own.process?.(records) ?? void (rows = [...rows, ...records])),
        prepare: (id) => {
          if (own.prepare !== undefined) return own.prepare(id);
          const output = rows;
          rows = [];
          return output.length === 0 ? undefined : output;
        },
        snapshot: () => (own.snapshot === undefined ? rows : own.snapshot()),
        restore: (state) => {
          rows = (state as Row[] | undefined) ?? [];
        },
        commit: (id, output) => own.commit!(id, output),
        holds: () => own.holds!(),
      };
    },
  };
  return verifySink(spec, { read: () => [...shared.rows], record });
}

describe('a mistake is found:', () => {
  it('none, in a store in memory that does all in one step', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: async (id, output) => {
        const rows = [...(output as Row[])];
        await turn();
        if ((shared.ids.get(key) ?? 0) >= id) return;
        shared.rows.push(...rows);
        shared.ids.set(key, id);
      },
    }));
    expect(verdict.failed).toEqual([]);
  });

  it('one that writes before its point counts', async () => {
    const verdict = await verdictOf((shared, key) => ({
      process: (records) => void shared.rows.push(...records),
      prepare: () => [],
      holds: () => shared.ids.get(key),
      commit: (id) => void shared.ids.set(key, id),
    }));
    expect(kinds(verdict)).toEqual(['doubled', 'early']);
    expect(verdict.failed[0]).toContain('Write nothing that others see before commit');
  });

  it('one that commits without a look at what the target holds', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: (id, output) => {
        shared.rows.push(...(output as Row[]));
        shared.ids.set(key, id);
      },
    }));
    expect(kinds(verdict)).toContain('doubled');
    expect(verdict.findings.map(({ scenario }) => scenario)).toContain(
      'a commit of a dead life arrives behind those of its successor',
    );
  });

  it('one that never knows what its target holds', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => undefined,
      commit: (id, output) => {
        shared.rows.push(...(output as Row[]));
        shared.ids.set(key, id);
      },
    }));
    expect(kinds(verdict)).toEqual(expect.arrayContaining(['doubled', 'holds-wrong']));
  });

  it('a late commit sets the id back', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: (id, output) => {
        // A look at this id alone.
        if (shared.ids.get(key) === id) return;
        shared.rows.push(...(output as Row[]));
        shared.ids.set(key, id);
      },
    }));
    expect(verdict.findings.map(({ scenario }) => scenario)).toContain(
      'a commit of a dead life arrives behind those of its successor',
    );
  });

  it('rows are written one by one', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: (id, output) => {
        if ((shared.ids.get(key) ?? 0) >= id) return;
        for (const row of output as Row[]) shared.rows.push(row);
        shared.ids.set(key, id);
      },
    }));
    expect(kinds(verdict)).toEqual(['doubled', 'not-atomic']);
  });

  it('rows first, the id in a step of its own', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: async (id, output) => {
        if ((shared.ids.get(key) ?? 0) >= id) return;
        shared.rows.push(...(output as Row[]));
        await turn();
        shared.ids.set(key, id);
      },
    }));
    expect(kinds(verdict)).toContain('not-atomic');
    expect(verdict.failed.join()).toContain('before their id is held');
  });

  it('the id first, rows in a step of their own', async () => {
    const verdict = await verdictOf((shared, key) => ({
      holds: () => shared.ids.get(key),
      commit: async (id, output) => {
        if ((shared.ids.get(key) ?? 0) >= id) return;
        shared.ids.set(key, id);
        for (const row of output as Row[]) {
          await turn();
          shared.rows.push(row);
        }
      },
    }));
    expect(kinds(verdict)).toEqual(expect.arrayContaining(['lost', 'not-atomic']));
  });

  it('one that forgets what came before a point inside a batch', async () => {
    const verdict = await verdictOf((shared, key) => ({
      snapshot: () => undefined,
      holds: () => shared.ids.get(key),
      commit: (id, output) => {
        const rows = [...(output as Row[])];
        if ((shared.ids.get(key) ?? 0) >= id) return;
        shared.rows.push(...rows);
        shared.ids.set(key, id);
      },
    }));
    expect(verdict.findings).toMatchObject([{ kind: 'lost', scenario: 'it dies inside a batch' }]);
  });

  it('its commit fails for good', async () => {
    const verdict = await verdictOf(() => ({
      holds: () => undefined,
      commit: () => {
        throw new Error('no such table');
      },
    }));
    expect(verdict.findings[0]).toMatchObject({ kind: 'throws', scenario: 'undisturbed' });
    expect(verdict.failed[0]).toContain('no such table');
  });

  it('parts are added to instead of replaced', async () => {
    const rows: Row[] = [];
    const spec = idempotent<Row>({ write: (records) => void rows.push(...records) });
    expect(kinds(await verifySink(spec, { read: () => rows, record }))).toEqual(['doubled']);
  });

  it('parts of another batch are replaced', async () => {
    const parts = new Map<number, readonly Row[]>();
    const spec = idempotent<Row>({
      write: (records, { partition }) => void parts.set(partition, records),
    });
    const read = (): Row[] => [...parts.values()].flat();
    expect(kinds(await verifySink(spec, { read, record }))).toContain('lost');
  });

  it('what a plain sink keeps back is lost', async () => {
    const seen: Row[] = [];
    const spec: SinkSpec<Row> = {
      kind: 'lazy',
      params: {},
      make: () => {
        let rows: readonly Row[] = [];
        return {
          process: (records) => {
            seen.push(...rows);
            rows = records;
          },
        };
      },
    };
    expect(kinds(await verifySink(spec, { read: () => seen, record }))).toContain('lost');
  });
});

it('a sink that is none is refused', async () => {
  await expect(verifySink({} as SinkSpec<Row>, { read: () => [], record })).rejects.toMatchObject({
    code: 'ERR_MILLRACE_BAD_OPTION',
  });
});
