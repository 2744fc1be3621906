/**
 * The state of a checkpoint by operator: which cells it has, read from the hand-overs of all tasks. Any thread; changes
 * nothing.
 */
import { unsealed } from '../../actors/hand-over-file.ts';
import { readPart, stateOf } from '../../dstream/state/part.ts';
import type { Disk } from '../../env/env.ts';
import { partPath } from '../../supervision/checkpoint/manifest-file.ts';
import type { Manifest } from '../../supervision/checkpoint/manifest.ts';
import { storedCell, type StoredCell } from './stored-cell.ts';

/** A cell of an operator in a partition. */
export interface CellFound {
  readonly uid: string;
  readonly partition: number;
  /** Its name within the operator. */
  readonly name: string;
  /** In all hand-overs that are kept: about two to three times what the state itself would take. */
  readonly bytes: number;
  /** Undefined: it can't be read without the job. */
  readonly cell: StoredCell | undefined;
}

interface Collected {
  bytes: number;
  readonly cell: StoredCell | undefined;
}

/**
 * All cells, in the order of tasks; of one operator, if it is named.
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT
 */
export function storedState(
  disk: Disk,
  directory: string,
  manifest: Manifest,
  only?: string,
): CellFound[] {
  const kinds = new Map(manifest.operators.map(({ uid, kind }) => [uid, kind]));
  const found = new Map<string, Collected>();
  for (const { parts } of manifest.tasks) {
    for (const part of parts) {
      const path = partPath(directory, part);
      for (const { name, version, bytes, log } of readPart(unsealed(disk.read(path), path))?.logs ??
        []) {
        const { uid, cell } = placeOf(name);
        if (only !== undefined && uid !== only) continue;
        let collected = found.get(name);
        if (collected === undefined) {
          collected = { bytes: 0, cell: storedCell(kinds.get(uid) ?? '', cell) };
          found.set(name, collected);
        }
        collected.bytes += bytes;
        collected.cell?.apply(log(), version);
      }
    }
  }
  return [...found].map(([name, { bytes, cell }]) => {
    cell?.restored();
    const { uid, partition, cell: own } = placeOf(name);
    return { uid, partition, name: own, bytes, cell };
  });
}

/** `uid[partition]/cell` */
export function placeOf(name: string): {
  readonly uid: string;
  readonly partition: number;
  readonly cell: string;
} {
  const state = stateOf(name);
  const at = state.lastIndexOf('[');
  return {
    uid: state.slice(0, at),
    partition: Number(state.slice(at + 1, -1)),
    cell: name.slice(state.length + 1),
  };
}
