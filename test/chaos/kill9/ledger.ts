/**
 * Whether what the transactional outputs of the job hold is what its sources gave: each record once in the output, once in
 * each kind of state, and every number of a window the sum of its batches. Pure but for reading files.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
// @ts-expect-error plain JavaScript, as threads load it
import { BATCH_MS } from '../../fixtures/jobs/kill9.js';
import type { NumberedServer } from '../../../src/testing/chaos/numbered-server.ts';
import type { Connection } from './servers.ts';

/** Faults of a kind that are told one by one. */
const SHOWN = 4;

export interface Given {
  /** Every record of these, up to the number, must be there once. */
  readonly whole: readonly { readonly records: NumberedServer; readonly count: number }[];
  /** A beginning of each connection, all of the last one. */
  readonly plain: {
    readonly records: NumberedServer;
    readonly connections: readonly Connection[];
    /** So many at least: completed batches had them. */
    readonly atLeast: number;
  };
  /** What the store has. */
  readonly stored: readonly unknown[];
}

type Row = readonly [time: number, key: string, count: number];

/** The lines of an output's files, file after file. */
export function linesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1));
}

/** Empty when all is exact. */
export function faultsOf(output: string, given: Given): string[] {
  const faults = new Faults();
  const counts = recordsOf(output, given, faults);
  checkState(output, counts, faults);
  const batches = rowsOf(output, 'batches', faults);
  const byKey = new Map<string, number>();
  for (const [, key, count] of batches.rows) byKey.set(key, (byKey.get(key) ?? 0) + count);
  compare('batches', byKey, counts, faults);
  checkStore(given.stored, batches, faults);
  checkTotals(rowsOf(output, 'totals', faults), batches, counts, faults);
  checkWindows('sliding', 3, rowsOf(output, 'sliding', faults), batches, faults);
  const tumbling = rowsOf(output, 'tumbling', faults);
  checkWindows('tumbling', 2, tumbling, batches, faults);
  const inWindows = new Map<string, number>();
  for (const [, key, count] of tumbling.rows) inWindows.set(key, (inWindows.get(key) ?? 0) + count);
  compare('tumbling', inWindows, counts, faults);
  for (const name of readdirSync(output))
    for (const left of readdirSync(join(output, name)).filter((each) => each.startsWith('.')))
      faults.add(`${name}: a temporary file is left`, left);
  return faults.all;
}

class Faults {
  readonly #kinds = new Map<string, { count: number; shown: string[] }>();

  add(kind: string, what: string): void {
    const known = this.#kinds.get(kind) ?? { count: 0, shown: [] };
    this.#kinds.set(kind, known);
    known.count++;
    if (known.shown.length < SHOWN) known.shown.push(what);
  }

  get all(): string[] {
    return [...this.#kinds].map(
      ([kind, { count, shown }]) =>
        `${kind} (${count}): ${shown.join(', ')}${count > shown.length ? ' …' : ''}`,
    );
  }
}

/** Gives how often each key is in the output. */
function recordsOf(output: string, given: Given, faults: Faults): Map<string, number> {
  const servers = [...given.whole.map(({ records }) => records), given.plain.records];
  const times = new Map(servers.map((server) => [server, [] as number[]]));
  const counts = new Map<string, number>();
  for (const line of linesIn(join(output, 'records'))) {
    const server = servers.find((each) => line.startsWith(each.name));
    const number = server?.numberOf(line);
    if (server === undefined || number === undefined) {
      faults.add('records: never served', line);
      continue;
    }
    const seen = times.get(server)!;
    seen[number] = (seen[number] ?? 0) + 1;
    if (seen[number]! > 1) faults.add('records: twice', line);
    const key = line.split(' ', 1)[0]!;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const { records, count } of given.whole) {
    const seen = times.get(records)!;
    for (let n = 0; n < Math.max(count, seen.length); n++) {
      if (n >= count && seen[n] !== undefined)
        faults.add('records: never served', records.record(n));
      if (n < count && seen[n] === undefined) faults.add('records: lost', records.record(n));
    }
  }
  const { records, connections, atLeast } = given.plain;
  const seen = times.get(records)!;
  let there = 0;
  connections.forEach(({ from, to }, i) => {
    let end = from;
    while (end < to && seen[end] !== undefined) end++;
    there += end - from;
    const isLast = i === connections.length - 1;
    if (isLast && end < to) faults.add('plain: lost, with no death', records.record(end));
    for (let n = end; n < to; n++)
      if (seen[n] !== undefined)
        faults.add(
          'plain: a gap within a connection',
          `${records.record(n)} is there, ${records.record(end)} is not (${from}..${to})`,
        );
  });
  if (there < atLeast)
    faults.add('plain: lost', `completed batches had ${atLeast}, ${there} are there`);
  return counts;
}

/** `[key, n]` for n from 1 to the number of the key's records, each once. */
function checkState(output: string, counts: ReadonlyMap<string, number>, faults: Faults): void {
  const seen = new Map<string, Set<number>>();
  for (const line of linesIn(join(output, 'state'))) {
    const [key, n] = JSON.parse(line) as [string, number];
    const numbers = seen.get(key) ?? new Set();
    seen.set(key, numbers);
    if (numbers.has(n)) faults.add('state: twice', line);
    numbers.add(n);
  }
  for (const [key, count] of counts) {
    const numbers = seen.get(key) ?? new Set();
    for (let n = 1; n <= count; n++) if (!numbers.has(n)) faults.add('state: lost', `${key} ${n}`);
    if (numbers.size > count) faults.add('state: counted twice', `${key} ${numbers.size}`);
  }
  for (const key of seen.keys()) if (!counts.has(key)) faults.add('state: strange key', key);
}

interface Rows {
  readonly rows: readonly Row[];
  readonly at: ReadonlyMap<string, number>;
  /** Ascending. */
  readonly times: readonly number[];
}

function rowsOf(output: string, name: string, faults: Faults): Rows {
  const at = new Map<string, number>();
  const times = new Set<number>();
  const rows = linesIn(join(output, name)).map((line) => {
    const row = JSON.parse(line) as Row;
    const id = `${row[0]} ${row[1]}`;
    if (at.has(id)) faults.add(`${name}: twice`, line);
    at.set(id, row[2]);
    times.add(row[0]);
    return row;
  });
  return { rows, at, times: [...times].sort((a, b) => a - b) };
}

/** The same rows as in `batches`. */
function checkStore(stored: readonly unknown[], batches: Rows, faults: Faults): void {
  const seen = new Set<string>();
  for (const row of stored as Row[]) {
    const id = `${row[0]} ${row[1]}`;
    if (seen.has(id)) faults.add('store: twice', JSON.stringify(row));
    seen.add(id);
    if (batches.at.get(id) !== row[2])
      faults.add('store: wrong', `${JSON.stringify(row)}, not ${batches.at.get(id)}`);
  }
  for (const id of batches.at.keys()) if (!seen.has(id)) faults.add('store: lost', id);
}

/** Every known key at every batch, with all that came up to it. */
function checkTotals(
  totals: Rows,
  batches: Rows,
  counts: ReadonlyMap<string, number>,
  faults: Faults,
): void {
  const first = batches.times[0] ?? 0;
  const last = totals.times.at(-1) ?? first;
  const sums = new Map<string, number>();
  for (let time = first; time <= last; time += BATCH_MS) {
    for (const key of counts.keys()) {
      const sum = (sums.get(key) ?? 0) + (batches.at.get(`${time} ${key}`) ?? 0);
      sums.set(key, sum);
      const told = totals.at.get(`${time} ${key}`);
      if ((told ?? 0) !== sum)
        faults.add('totals: wrong', `${key} at ${time} is ${told}, not ${sum}`);
    }
  }
  compare('totals', sums, counts, faults);
}

function checkWindows(
  name: string,
  length: number,
  windows: Rows,
  batches: Rows,
  faults: Faults,
): void {
  for (const [time, key, count] of windows.rows) {
    let sum = 0;
    for (let n = 0; n < length; n++) sum += batches.at.get(`${time - n * BATCH_MS} ${key}`) ?? 0;
    if (sum !== count) faults.add(`${name}: wrong`, `${key} at ${time} is ${count}, not ${sum}`);
  }
  if (name !== 'sliding') return;
  const last = windows.times.at(-1) ?? 0;
  for (const [time, key] of batches.rows)
    for (let n = 0; n < length; n++)
      if (time + n * BATCH_MS <= last && !windows.at.has(`${time + n * BATCH_MS} ${key}`))
        faults.add(`${name}: lost`, `${key} at ${time + n * BATCH_MS}`);
}

function compare(
  what: string,
  is: ReadonlyMap<string, number>,
  wanted: ReadonlyMap<string, number>,
  faults: Faults,
): void {
  for (const key of new Set([...is.keys(), ...wanted.keys()]))
    if ((is.get(key) ?? 0) !== (wanted.get(key) ?? 0))
      faults.add(
        `${what}: wrong sum`,
        `${key} is ${is.get(key) ?? 0}, not ${wanted.get(key) ?? 0}`,
      );
}
