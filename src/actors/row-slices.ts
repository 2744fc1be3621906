/**
 * Cuts an array of records into blocks of about the same encoded size, learning from each how many records fit. Keeps
 * its place over refusals: the encoded slice that found no room is offered again, not encoded again.
 */
import type { RowsBlock } from './block.ts';

const MOST_RECORDS = 65_536;

export class RowSlices {
  /** Records of the slice that `encode` gave. */
  count = 0;
  /** What a single record came to that is larger than the limit. */
  tooLargeBytes = 0;

  readonly #targetBytes: number;
  readonly #limitBytes: number;
  #rows: readonly unknown[] = [];
  #from = 0;
  #perSlice = 256;
  #bytes: Uint8Array | undefined;
  #kept = false;

  constructor(targetBytes: number, limitBytes: number) {
    this.#targetBytes = targetBytes;
    this.#limitBytes = limitBytes;
  }

  /** Records that are not sent. */
  get left(): number {
    return this.#rows.length - this.#from;
  }

  /** Begins an array, or goes on with the one in hand. */
  begin(rows: readonly unknown[]): void {
    if (rows === this.#rows) return;
    if (this.#from > 0) throw new Error('an array was offered before the one in hand was sent');
    this.#rows = rows;
    this.#bytes = undefined;
  }

  /** The next slice, or undefined when its one record is too large. */
  encode(encodeBlock: (block: RowsBlock) => Uint8Array): Uint8Array | undefined {
    if (this.#bytes !== undefined) return this.#bytes;
    let count = Math.min(this.#perSlice, this.left);
    for (;;) {
      const rows = this.#rows.slice(this.#from, this.#from + count);
      const bytes = encodeBlock({ kind: 'rows', port: 0, rows });
      if (bytes.length <= this.#targetBytes || (count === 1 && bytes.length <= this.#limitBytes)) {
        this.count = count;
        this.#bytes = bytes;
        this.#kept = false;
        this.#learn(bytes.length / count);
        return bytes;
      }
      if (count === 1) {
        this.tooLargeBytes = bytes.length;
        return undefined;
      }
      count = Math.max(
        1,
        Math.min(count >> 1, Math.floor((count * this.#targetBytes) / bytes.length)),
      );
    }
  }

  /** The slice was refused: its bytes become our own, because the encoder's are good until its next block only. */
  keep(): void {
    if (this.#bytes === undefined || this.#kept) return;
    this.#bytes = new Uint8Array(this.#bytes);
    this.#kept = true;
  }

  /** The slice was sent. */
  sent(): void {
    this.#bytes = undefined;
    this.#from += this.count;
    if (this.left > 0) return;
    this.#rows = [];
    this.#from = 0;
  }

  #learn(bytesPerRecord: number): void {
    const fits = Math.floor((0.75 * this.#targetBytes) / bytesPerRecord);
    this.#perSlice = Math.max(1, Math.min(fits, 4 * this.#perSlice, MOST_RECORDS));
  }
}
