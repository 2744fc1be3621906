/**
 * How far a log is durable, outside its segments: a bad frame up to there is damage, one behind it a torn tail.
 *
 *   synced-<incarnation>   two slots in sectors of their own, written in turn:
 *                          magic "MRSY", crc, turn, synced, first, trimmed
 *
 * I1  It is written before anybody hears that something is durable, and `write` returns when the kernel has it: the end
 *     of the process makes it no smaller than what was acknowledged.
 * I2  A slot that is torn fails its crc, and then the other one counts, which says less. With power lost that may be so of
 *     a slot that was written but not synced; frames bear witness then (`log-format.ts`, I1).
 * I3  Each opening of a log has a file of its own, which begins as a copy of what the one before said. Who was replaced
 *     and still runs writes into a file that nobody reads any more.
 */
import { crc32 } from 'node:zlib';
import type { Disk, OpenFile } from '../env/env.ts';

/** A file without content: a record was durable before it got its name, so a log that has it and no record has lost it. */
export const BEGUN = 'begun';

const MAGIC = 0x5953524d;
const SLOT_BYTES = 40;
/** A power cut tears no more than one sector. */
const SLOT_DISTANCE = 4096;
const CRC_AT = 4;
const CHECKED_AT = 8;

export interface Synced {
  /** Ordinal up to which records are durable. */
  readonly synced: number;
  /** The oldest record that must be there. */
  readonly first: number;
  /** Barrier of the newest `trim`. */
  readonly trimmed: number;
}

export class SyncedRecord {
  readonly #file: OpenFile;
  #turn = 0;

  constructor(disk: Disk, directory: string, incarnation: number, start: Synced) {
    this.#file = disk.open(`${directory}/${syncedName(incarnation)}`);
    // Both, so that one that is damaged later is told from one that was never written.
    this.write(start);
    this.write(start);
  }

  write(state: Synced): void {
    const bytes = new Uint8Array(SLOT_BYTES);
    const view = new DataView(bytes.buffer);
    const turn = this.#turn + 1;
    view.setUint32(0, MAGIC, true);
    view.setFloat64(8, turn, true);
    view.setFloat64(16, state.synced, true);
    view.setFloat64(24, state.first, true);
    view.setFloat64(32, state.trimmed, true);
    view.setUint32(CRC_AT, crc32(bytes.subarray(CHECKED_AT)), true);
    this.#file.writeAt((turn % 2) * SLOT_DISTANCE, bytes);
    this.#turn = turn;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}

export function syncedName(incarnation: number): string {
  return `synced-${incarnation}`;
}

/** The incarnation whose file has that name. */
export function incarnationOfSynced(name: string): number | undefined {
  const digits = /^synced-(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What a file says; undefined when it says nothing that can be read. */
export function readSynced(disk: Disk, path: string): Synced | undefined {
  const bytes = disk.read(path);
  const [a, b] = [slotAt(bytes, 0), slotAt(bytes, SLOT_DISTANCE)];
  return a === undefined || (b !== undefined && b.turn > a.turn) ? b : a;
}

function slotAt(bytes: Uint8Array, at: number): (Synced & { readonly turn: number }) | undefined {
  if (bytes.length < at + SLOT_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SLOT_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const checked = bytes.subarray(at + CHECKED_AT, at + SLOT_BYTES);
  if (view.getUint32(CRC_AT, true) !== crc32(checked)) return undefined;
  return {
    turn: view.getFloat64(8, true),
    synced: view.getFloat64(16, true),
    first: view.getFloat64(24, true),
    trimmed: view.getFloat64(32, true),
  };
}
