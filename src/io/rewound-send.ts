/**
 * Sends what a source gives for the second time: what lies on edges is passed over, and each part of the rest goes to the
 * edge that had it. Part of a source's host, before the limit of its rate, which doesn't apply here.
 *
 * I1  A block that was refused is offered again (`source.ts`). Of text it is known by positions how much of it is out, of
 *     records by the identity of the array.
 */
import type { Position } from './source.ts';
import type { SourceJournal } from './source-journal.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

export interface RewoundSendOptions {
  readonly journal: SourceJournal;
  /** Behind what lies on the edges. */
  readonly position: () => Position;
  readonly sendText: (
    edge: number,
    head: Uint8Array,
    tail: Uint8Array,
    position: number,
  ) => boolean;
  readonly sendRows: (edge: number, rows: readonly unknown[]) => boolean;
}

export class RewoundSend {
  readonly #options: RewoundSendOptions;
  /** The text that was in hand when the replay was done: what lies before `#textAt` is out. */
  #textEnd = -1;
  #textAt = 0;
  /** Text was refused of which a part may be out. */
  #isWaiting = false;
  /** The records in hand, and how many lay on the edges before them. */
  #rows: readonly unknown[] | undefined;
  #before = 0;
  #part: { readonly rows: readonly unknown[]; readonly edge: number } | undefined;
  /** What is left of them for when it goes on live. */
  #rest: readonly unknown[] | undefined;

  constructor(options: RewoundSendOptions) {
    this.#options = options;
  }

  /** Nothing is in hand, and nothing will be: all goes on live. */
  get isOver(): boolean {
    return (
      this.#options.journal.isLive &&
      !this.#isWaiting &&
      this.#textEnd < 0 &&
      this.#rows === undefined
    );
  }

  /** The source begins anew. */
  forget(): void {
    this.#textEnd = -1;
    this.#isWaiting = false;
    this.#rows = this.#part = this.#rest = undefined;
  }

  /** Bytes of the block that are out; the rest may go on live. -1: it is to be offered again. */
  text(head: Uint8Array, tail: Uint8Array, position: number): number {
    const { journal, sendText } = this.#options;
    const length = head.length + tail.length;
    const begin = position - length;
    if (this.#textEnd === position) return Math.max(0, this.#textAt - begin);
    let at = Math.max(begin, this.#options.position().bytes);
    this.#isWaiting = true;
    while (at < position) {
      if (journal.isLive) {
        this.#textEnd = position;
        this.#textAt = at;
        break;
      }
      const route = journal.route('bytes', at);
      if (route === undefined) return -1;
      const to = Math.min(position, route.until);
      const [from, until] = [at - begin, to - begin];
      const { length: split } = head;
      const isSent =
        from === 0 && to === position
          ? sendText(route.edge, head, tail, to)
          : sendText(
              route.edge,
              from < split ? head.subarray(from, until) : NOTHING,
              until > split ? tail.subarray(Math.max(0, from - split), until - split) : NOTHING,
              to,
            );
      if (!isSent) return -1;
      at = to;
    }
    this.#isWaiting = false;
    return Math.min(length, at - begin);
  }

  /** What of the records may go on live: none when all are out. Undefined: they are to be offered again. */
  rows(rows: readonly unknown[]): readonly unknown[] | undefined {
    const { journal, sendRows } = this.#options;
    if (this.#rows !== rows) {
      this.forget();
      this.#rows = rows;
      this.#before = this.#options.position().lines;
    }
    while (this.#rest === undefined) {
      const part = this.#part;
      if (part !== undefined) {
        if (!sendRows(part.edge, part.rows)) return undefined;
        this.#part = undefined;
      }
      const out = this.#options.position().lines - this.#before;
      if (journal.isLive || out >= rows.length) {
        this.#rest = out === 0 ? rows : rows.slice(out);
        break;
      }
      const route = journal.route('lines', this.#before + out);
      if (route === undefined) return undefined;
      const end = Math.min(rows.length, route.until - this.#before);
      this.#part = { edge: route.edge, rows: rows.slice(out, end) };
    }
    return this.#rest;
  }
}
