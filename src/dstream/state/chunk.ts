/**
 * A chunk of a log of state by key. There are two forms; a state reads both, so that a job may go over from one store to
 * the other.
 *
 *   slots   which slots became free, and which are in use with what: as a state in memory writes it
 *   keys    which keys went, and which there are with what: as a state on disk writes it
 *
 * Any thread. B of every chunk counts the newest, of a slot in the one form and of a key in the other.
 */
import { packColumns, packValue, unpackColumns, unpackValue } from '../../actors/codec.ts';

export interface Chunk {
  /** Undefined in the form of keys. */
  readonly slots?: { readonly freed: Uint32Array; readonly used: Uint32Array };
  /** Of the form of keys: which went. */
  readonly removed: readonly unknown[];
  readonly keys: readonly unknown[];
  readonly states: readonly unknown[];
  /** When each was touched, in ms, if that is kept. */
  readonly times: Float64Array | undefined;
  /** The initial state was loaded. */
  readonly begun: boolean;
  /** Logs before the one of this chunk do not count. */
  readonly isWhole: boolean;
}

type Packed = readonly [
  freed: Uint32Array | readonly unknown[],
  used: Uint32Array | undefined,
  entries: Uint8Array,
  times: Float64Array | undefined,
  begun: boolean,
  isWhole?: boolean,
];

export function packChunk(chunk: Chunk): Uint8Array {
  const { slots, removed, keys, states, times, begun, isWhole } = chunk;
  return packValue([
    slots?.freed ?? removed,
    slots?.used,
    packColumns(keys, states),
    times,
    begun,
    isWhole,
  ] satisfies Packed);
}

export function unpackChunk(bytes: Uint8Array): Chunk {
  const [freed, used, entries, times, begun, isWhole = false] = unpackValue(bytes) as Packed;
  const { keys, values: states } = unpackColumns(entries);
  const slots = used === undefined ? undefined : { freed: freed as Uint32Array, used };
  return {
    ...(slots === undefined ? {} : { slots }),
    removed: slots === undefined ? (freed as readonly unknown[]) : [],
    keys,
    states,
    times,
    begun,
    isWhole,
  };
}
