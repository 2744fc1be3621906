/**
 * The record that a careful task has in hand, in shared words that outlive its thread: what a successor must know of a
 * record that kills whoever takes it. Written by the thread of the task, a record at a time, and only while a task is
 * careful (`careful-feed.ts`); read by that thread when a function threw, and by the coordinator when the thread died.
 *
 *   word 0   FORM    0 none · 1 text · 2 packed
 *   word 1   LOW     hash of the record's bytes
 *   word 2   HIGH
 *   word 3   BYTES   length of the record
 *   rest     its first bytes
 *
 * I1  FORM is stored last and cleared first: a reader never sees a record that is half written.
 */
import { inspect } from 'node:util';
import { packValue, unpackValue } from './codec.ts';

export const IN_HAND_BYTES = 1024;
const HEADER_BYTES = 16;
const ROOM_BYTES = IN_HAND_BYTES - HEADER_BYTES;
const FORM = 0;
const LOW = 1;
const HIGH = 2;
const BYTES = 3;
const NONE = 0;
const TEXT = 1;
const PACKED = 2;

/** A record that was in hand: enough to know it again and to show it. Plain data. */
export interface RecordInHand {
  /** Of its bytes: the same for equal records. */
  readonly hash: string;
  /** What it looks like; long ones are cut. */
  readonly text: string;
}

export class InHand {
  readonly #words: Int32Array;
  readonly #room: Uint8Array;
  #low = 0;
  #high = 0;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(IN_HAND_BYTES), offset = 0) {
    this.#words = new Int32Array(buffer, offset, HEADER_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#room = new Uint8Array(buffer, offset + HEADER_BYTES, ROOM_BYTES);
  }

  /** Takes a line of text in hand, and gives its hash. */
  holdLine(line: Uint8Array): string {
    return this.#hold(TEXT, line, line);
  }

  /** Takes any other record in hand, and gives its hash. */
  holdRow(row: unknown): string {
    const bytes = packed(row);
    if (bytes !== undefined && bytes.length <= ROOM_BYTES) return this.#hold(PACKED, bytes, bytes);
    const text = new TextEncoder().encode(inspect(row));
    return this.#hold(TEXT, bytes ?? text, text);
  }

  release(): void {
    Atomics.store(this.#words, FORM, NONE);
  }

  /** What is in hand; undefined for nothing. */
  read(): RecordInHand | undefined {
    const form = Atomics.load(this.#words, FORM);
    if (form === NONE) return undefined;
    const hash = hashText(this.#words[LOW]!, this.#words[HIGH]!);
    const length = this.#words[BYTES]!;
    const bytes = this.#room.slice(0, Math.min(length, ROOM_BYTES));
    if (form === PACKED) return { hash, text: shown(bytes) };
    const text = new TextDecoder().decode(bytes);
    return { hash, text: length > ROOM_BYTES ? `${text}… (${length} bytes)` : text };
  }

  #hold(form: number, bytes: Uint8Array, shown: Uint8Array): string {
    const words = this.#words;
    this.#mix(bytes);
    Atomics.store(words, FORM, NONE);
    words[LOW] = this.#low;
    words[HIGH] = this.#high;
    words[BYTES] = shown.length;
    this.#room.set(shown.length > ROOM_BYTES ? shown.subarray(0, ROOM_BYTES) : shown);
    Atomics.store(words, FORM, form);
    return hashText(this.#low, this.#high);
  }

  /** Two lanes of multiply and shift, 64 bits together: what it must not do is take a record for another by chance. */
  #mix(bytes: Uint8Array): void {
    let low = 0xdeadbeef ^ bytes.length;
    let high = 0x41c6ce57 ^ bytes.length;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      low = Math.imul(low ^ byte, 0x9e3779b1);
      high = Math.imul(high ^ byte, 0x5f356495);
    }
    low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
    this.#low = low | 0;
    this.#high = high | 0;
  }
}

/** Undefined for what no bytes can stand for: an edge within a thread carries that too. */
function packed(row: unknown): Uint8Array | undefined {
  try {
    return packValue(row);
  } catch {
    return undefined;
  }
}

/** Whoever is taken for dead may go on and write while it is read. */
function shown(bytes: Uint8Array): string {
  try {
    return inspect(unpackValue(bytes));
  } catch {
    return `a record of ${bytes.length} bytes`;
  }
}

function hashText(low: number, high: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}
