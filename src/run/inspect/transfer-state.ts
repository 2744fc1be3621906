/**
 * State out of a checkpoint, and into a new savepoint. Any thread.
 *
 *   one line     {"operator":"visits","partition":0,"cell":"keys","key":"ada","value":3,"version":1,"touchedAt":…}
 *
 * I1  The directory that is read is not changed. The one that is written gets its manifest last.
 * I2  What was written is read again by the class that wrote it (`stored-cell.ts`): nothing here knows a format.
 */
import { resolve } from 'node:path';
import { handOverName, sealed, unsealed } from '../../actors/hand-over-file.ts';
import { partitionOf } from '../../dstream/keys/partitioner.ts';
import { KeyedState } from '../../dstream/state/keyed-state.ts';
import { type CellLog, readPart, writePart } from '../../dstream/state/part.ts';
import type { Clock, Disk } from '../../env/env.ts';
import { millraceError } from '../../errors.ts';
import { stateName } from '../../plan/stateful.ts';
import {
  partPath,
  readManifests,
  stateDirectory,
  verifyManifest,
} from '../../supervision/checkpoint/manifest-file.ts';
import type {
  Manifest,
  StoredOperator,
  StoredTask,
} from '../../supervision/checkpoint/manifest.ts';
import { isDirectory } from '../restart-directory.ts';
import { checkEmpty, copyLogs, syncAll, writeManifest } from '../savepoint.ts';
import { readSavepoint } from '../savepoint-start.ts';
import { placeOf, storedState } from './stored-state.ts';

export interface StateEntry {
  readonly operator: string;
  readonly partition: number;
  readonly cell: string;
  /** Left out for what has no keys. */
  readonly key?: unknown;
  readonly value: unknown;
  /** Of the shape of the value. */
  readonly version: number;
  /** When the key was touched last, in ms since 1970, where that is kept. */
  readonly touchedAt?: number;
}

/** What an entry must say to be taken in. */
export type NewEntry = Pick<StateEntry, 'key' | 'value'> & Partial<StateEntry>;

/** Kinds of operators whose state is one by key, and nothing else. */
const IMPORTABLE: ReadonlySet<string> = new Set(['updateStateByKey', 'mapWithState']);
const CELL = 'keys';

/**
 * All entries of an operator at the newest checkpoint, partition by partition.
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_UNSUPPORTED
 */
export function* exportState(disk: Disk, directory: string, uid: string): Generator<StateEntry> {
  const manifest = newestGood(disk, resolve(directory));
  const { kind } = operatorOf(directory, manifest, uid);
  const cells = storedState(disk, directory, manifest, uid);
  if (cells.length > 0 && !cells.some(({ cell }) => cell?.rows !== undefined))
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      `the state of ${uid} (${kind}) can't be given out: it is cut by what only the job knows`,
      { context: { directory, operator: uid } },
    );
  for (const { partition, name, cell } of cells) {
    for (const row of cell?.rows?.() ?? []) yield { operator: uid, partition, cell: name, ...row };
  }
}

export interface ImportOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** A savepoint, or a checkpoint directory on which nobody runs. */
  readonly from: string;
  /** A directory that is new. */
  readonly to: string;
  readonly uid: string;
  readonly entries: Iterable<NewEntry>;
}

/**
 * Makes a savepoint that has these entries in place of all that the operator had; gives their number.
 * @throws ERR_MILLRACE_BAD_OPTION for an entry that can't be, or when something lies in `to`;
 *   ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_UNSUPPORTED
 */
export async function importState({
  disk,
  clock,
  from,
  to,
  uid,
  entries,
}: ImportOptions): Promise<number> {
  const [source, target] = [resolve(from), resolve(to)];
  const manifest = newestGood(disk, source);
  const operator = operatorOf(source, manifest, uid);
  if (!IMPORTABLE.has(operator.kind))
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      `${uid} is ${operator.kind}: only the state of ${[...IMPORTABLE].join(' and ')} can be replaced`,
      { context: { directory: source, operator: uid } },
    );
  const { states, count } = dealt(operator, entries, manifest.barrier.time);
  checkEmpty(disk, target, 'out');
  disk.makeDirectory(stateDirectory(target));
  const tasks = manifest.tasks.map((task, id): StoredTask => {
    const own = states.filter((_, partition) => task.states.includes(stateName(uid, partition)));
    const isOwn = task.operators.includes(uid);
    let newest: ReturnType<typeof readPart>;
    for (const part of task.parts) {
      const [path, copy] = [partPath(source, part), partPath(target, part)];
      const read = readPart(unsealed(disk.read(path), path));
      newest = read ?? newest;
      if (!isOwn || read === undefined) disk.link(path, copy);
      else disk.write(copy, withoutState(read, uid));
    }
    if (own.length === 0) return task;
    const added = handOverName(manifest.epoch, manifest.barrier.number, id, 'imported');
    const logs = states.flatMap((state, partition): CellLog[] => {
      if (!task.states.includes(stateName(uid, partition))) return [];
      const log = state.cell.changes();
      const name = `${stateName(uid, partition)}/${CELL}`;
      return log === undefined ? [] : [{ name, log, version: state.version }];
    });
    const bytes = writePart(newest?.volatile, newest?.shape ?? '', logs, (_name, pack) => pack());
    disk.write(partPath(target, added), sealed(bytes));
    return { ...task, parts: [...task.parts, added] };
  });
  await syncAll(disk, target, [...new Set(tasks.flatMap(({ parts }) => parts))]);
  await copyLogs(disk, clock, source, target, manifest.barrier.number);
  await writeManifest(disk, target, { ...manifest, tasks, publish: [] });
  return count;
}

interface NewState {
  readonly cell: KeyedState<unknown>;
  version: number;
}

/** The states by partition. */
function dealt(
  { uid, partitions, stateVersion = 1 }: StoredOperator,
  entries: Iterable<NewEntry>,
  time: number,
): { readonly states: readonly NewState[]; readonly count: number } {
  const states = Array.from({ length: partitions }, (): NewState => {
    const cell = new KeyedState<unknown>(true);
    cell.begin();
    return { cell, version: stateVersion };
  });
  let count = 0;
  let version: number | undefined;
  for (const entry of entries) {
    count++;
    const wrong = (why: string): Error =>
      millraceError('ERR_MILLRACE_BAD_OPTION', `import: entry ${count} of ${uid} ${why}`, {
        context: { operator: uid, entry: count },
      });
    if (!('key' in entry) || !('value' in entry) || entry.value === undefined)
      throw wrong('has no key, or no value');
    if (entry.cell !== undefined && entry.cell !== CELL)
      throw wrong(`is of the cell ${entry.cell}`);
    const { key, value, touchedAt = time } = entry;
    let { partition } = entry;
    try {
      // In the order of the job's own: what is no key has no partition.
      const own = partitionOf(key, partitions);
      partition ??= own;
    } catch {
      throw wrong('has a key that no operator takes');
    }
    const state = states[partition];
    if (state === undefined)
      throw wrong(`is of partition ${partition}, and there are ${partitions}`);
    version ??= entry.version ?? stateVersion;
    if ((entry.version ?? version) !== version)
      throw wrong(`is of version ${entry.version}, and the ones before are of ${version}`);
    if (state.cell.find(key) >= 0) throw wrong(`has a key that was there before`);
    state.cell.times![state.cell.add(key, value)] = touchedAt;
  }
  for (const state of states) state.version = version ?? stateVersion;
  return { states, count };
}

function withoutState(part: NonNullable<ReturnType<typeof readPart>>, uid: string): Uint8Array {
  const logs = part.logs
    .filter(({ name }) => placeOf(name).uid !== uid || placeOf(name).cell !== CELL)
    .map(({ name, version, log }) => ({ name, version, log: log() }));
  return sealed(writePart(part.volatile, part.shape, logs, (_name, pack) => pack()));
}

/** Of a checkpoint directory it may be one before the newest. */
function newestGood(disk: Disk, directory: string): Manifest {
  const { manifests } = isDirectory(disk, directory)
    ? readManifests(disk, directory)
    : { manifests: [] };
  const good = manifests.find((each) => verifyManifest(disk, directory, each).length === 0);
  // Says what is wrong with the newest.
  return good ?? readSavepoint(disk, directory);
}

function operatorOf(directory: string, manifest: Manifest, uid: string): StoredOperator {
  const found = manifest.operators.find((operator) => operator.uid === uid);
  if (found !== undefined && !manifest.sources.includes(uid)) return found;
  const known = manifest.operators.filter((each) => !manifest.sources.includes(each.uid));
  throw millraceError(
    'ERR_MILLRACE_NO_SUCH_STATE',
    `${directory} has no state of an operator ${uid}; there is ${known.map((each) => each.uid).join(', ') || 'none'}`,
    { context: { directory, operator: uid } },
  );
}
