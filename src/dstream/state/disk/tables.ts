/**
 * Ordered tables in a file: bytes to bytes. The only file that knows lmdb, which is loaded when the first table is opened:
 * whoever keeps no state on disk need not have it.
 *
 * The file is a working copy. It is never synced, and nobody reads it again once its owner is gone: what counts was
 * handed over. Used by one thread.
 *
 * I1  Bytes that come out are their reader's.
 */
import { createRequire } from 'node:module';
import { millraceError } from '../../../errors.ts';

export interface Table {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
  /** So many entries behind a key, or from the first on, in the order of keys. */
  page(behind: Uint8Array | undefined, limit: number): readonly Entry[];
}

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Tables {
  table(name: string): Table;
  /** Everything that is done meanwhile is one write. */
  together(act: () => void): void;
  close(): void;
}

// What of lmdb is used: it has types of its own only where it is there.
interface LmdbTable {
  getBinary(key: Buffer): Buffer | undefined;
  putSync(key: Buffer, value: Buffer): void;
  removeSync(key: Buffer): boolean;
  getRange(options: { start?: Buffer; exclusiveStart?: boolean; limit: number }): {
    readonly asArray: readonly { readonly key: Buffer; readonly value: Buffer }[];
  };
}
interface LmdbRoot {
  openDB(name: string, options: object): LmdbTable;
  transactionSync(act: () => void): void;
  close(): Promise<void>;
}
interface Lmdb {
  open(options: object): LmdbRoot;
}

let lmdb: Lmdb | undefined;

/** @throws ERR_MILLRACE_STATE_STORE when lmdb is not there */
export function openTables(directory: string): Tables {
  const root = load().open({
    path: directory,
    maxDbs: 2,
    noSync: true,
    noMemInit: true,
    overlappingSync: false,
    eventTurnBatching: false,
    noReadAhead: true,
  });
  return {
    table: (name) =>
      tableOf(root.openDB(name, { keyEncoding: 'binary', encoding: 'binary', cache: false })),
    together: (act) => root.transactionSync(act),
    close: () => void root.close().catch(() => {}),
  };
}

/** That state can be kept on disk at all: asked before a job begins. */
export function checkTables(): void {
  load();
}

function tableOf(table: LmdbTable): Table {
  return {
    get: (key) => table.getBinary(buffer(key)),
    put: (key, value) => table.putSync(buffer(key), buffer(value)),
    remove: (key) => void table.removeSync(buffer(key)),
    page: (behind, limit) =>
      table.getRange(
        behind === undefined ? { limit } : { start: buffer(behind), exclusiveStart: true, limit },
      ).asArray,
  };
}

function load(): Lmdb {
  if (lmdb !== undefined) return lmdb;
  try {
    lmdb = createRequire(import.meta.url)('lmdb') as Lmdb;
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw millraceError(
      'ERR_MILLRACE_STATE_STORE',
      `state is to be kept on disk (stateStore: 'disk'), and lmdb can't be loaded: ${why}. Add it to the program: npm install lmdb`,
      { cause },
    );
  }
  return lmdb;
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
