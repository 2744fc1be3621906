/** A receiver edge whose frames are kept in a list and read by the test: bounded, retaining, like the real one. */
import type { BlockLog } from '../../src/actors/block-log.ts';
import type { Barrier } from '../../src/actors/block.ts';
import type { Position } from '../../src/io/source.ts';
import type { SourceEdge } from '../../src/io/source-edge.ts';

export type ListFrame =
  | { readonly kind: 'text'; readonly text: Buffer; readonly position: number }
  | { readonly kind: 'rows'; readonly rows: readonly unknown[] }
  | { readonly kind: 'barrier'; readonly number: number; readonly absent: readonly number[] };

const ROW_BYTES = 10;

export class ListEdge implements SourceEdge {
  readonly size: number;
  readonly maxBlockBytes: number;
  readonly sequence: number = 0;
  readonly frames: ListFrame[] = [];
  usedBytes = 0;
  unreadBytes = 0;
  lastBarrier = 0;
  lastAbsent = false;
  ordinal = 0;
  refusals = 0;
  recoveries = 0;
  #position: Position = { bytes: 0, lines: 0 };
  #read = 0;
  onRefuse: (() => void) | undefined;
  onSend: (() => void) | undefined;

  constructor(size: number = 1 << 20) {
    this.size = size;
    this.maxBlockBytes = size >>> 2;
  }

  get isUnused(): boolean {
    return this.frames.length === 0;
  }

  startAt(ordinal: number, position: Position): void {
    if (!this.isUnused) return;
    this.ordinal = ordinal;
    this.#position = position;
  }

  sendLogged(): boolean {
    throw new Error('this edge is for sources without a log');
  }

  checkFence(): void {}

  sendText(head: Uint8Array, tail: Uint8Array, position: number, log?: BlockLog): boolean {
    const text = Buffer.concat([head, tail]);
    if (!this.#room(text.length)) return false;
    if (log !== undefined && log.block('text', head, tail, 0, position) < 0) return false;
    let lines = 0;
    for (const byte of text) if (byte === 10) lines++;
    this.#position = { bytes: position, lines: this.#position.lines + lines };
    this.frames.push({ kind: 'text', text, position });
    this.onSend?.();
    return true;
  }

  sendRows(rows: readonly unknown[]): boolean {
    if (!this.#room(rows.length * ROW_BYTES)) return false;
    this.frames.push({ kind: 'rows', rows });
    this.onSend?.();
    return true;
  }

  putBarrier(barrier: Barrier, absent: readonly number[]): boolean {
    this.lastBarrier = barrier.number;
    this.lastAbsent = absent.length > 0;
    this.frames.push({ kind: 'barrier', number: barrier.number, absent });
    return true;
  }

  position(): Position {
    return this.#position;
  }

  recover(): void {
    this.recoveries++;
  }

  /** The consumer reads all that is there. */
  read(): string {
    this.unreadBytes = 0;
    let text = '';
    for (; this.#read < this.frames.length; this.#read++) {
      const frame = this.frames[this.#read]!;
      if (frame.kind === 'text') text += frame.text.toString();
    }
    return text;
  }

  /** A recovery point behind all that is there is held. */
  release(): void {
    this.usedBytes = 0;
  }

  /** Drops the frames that were read. */
  forget(): void {
    this.frames.length = 0;
    this.#read = 0;
  }

  text(): string {
    return this.frames
      .map((frame) => (frame.kind === 'text' ? frame.text.toString() : ''))
      .join('');
  }

  rows(): unknown[] {
    return this.frames.flatMap((frame) => (frame.kind === 'rows' ? [...frame.rows] : []));
  }

  #room(bytes: number): boolean {
    if (this.usedBytes + bytes > this.size) {
      this.refusals++;
      this.onRefuse?.();
      return false;
    }
    this.usedBytes += bytes;
    this.unreadBytes += bytes;
    return true;
  }
}
