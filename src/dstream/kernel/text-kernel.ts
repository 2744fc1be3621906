/**
 * A declared text pipeline over bytes: blocks of lines in, a table of counts or one number out.
 *
 * Used by the one thread whose task it belongs to. A block that isn't `usable` takes the closure
 * form, whose results come in by `add`; both may alternate within a batch.
 *
 *   block ──usable──> private memory ──tokens──> table ──columns(n)──> the keyed side, by partition
 *        └─not usable──> closures ──add────────────┘
 *
 * I1  `block` gives exactly what the closure form gives (program.ts) for every usable block.
 * I2  The bytes are copied before they are read, so they may lie in shared memory, and nothing is
 *     kept of them after the call.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { TextProgram } from '../../plan/text-program.ts';
import type { ByteColumns } from './columns.ts';
import { CountTable } from './count-table.ts';
import { encodeProgram, kernelFor, needsAscii } from './program.ts';

const LF = 10;

/** Longer text is taken in pieces, so that private memory stays small and in the caches. */
const PIECE = 1 << 20;

export class TextKernel {
  readonly #table: CountTable = new CountTable();
  readonly #counting: boolean;
  readonly #ascii: boolean;
  #count = 0;

  /** Throws a RangeError unless `kernelFor(program)`. */
  constructor(program: TextProgram) {
    if (!kernelFor(program)) throw new RangeError('the program has no byte kernel');
    this.#counting = program.aggregate === 'count';
    this.#ascii = needsAscii(program);
    const { perLine, lowerFirst, tokens, separator, steps } = encodeProgram(program);
    const { kernel } = this.#table;
    const at = kernel.claim(steps.length * 12) >>> 0;
    for (const [i, { kind, needle }] of steps.entries()) {
      const needleAt = kernel.claim(needle.length) >>> 0;
      const memory = this.#table.memory();
      memory.set(needle, needleAt);
      new Uint32Array(memory.buffer, at + i * 12, 3).set([kind, needleAt, needle.length]);
    }
    kernel.program(perLine, lowerFirst, tokens, separator, this.#counting, at, steps.length);
  }

  /** Whether the block may be given to `block`: ASCII for some programs, UTF-8 for the others. */
  usable(bytes: Uint8Array): boolean {
    return this.#ascii ? isAscii(bytes) : isUtf8(bytes);
  }

  /** Takes whole lines, the last one maybe without its \n. Returns how many lines were read. */
  block(bytes: Uint8Array): number {
    let lines = 0;
    for (let at = 0; at < bytes.length;) {
      const end = pieceEnd(bytes, at);
      lines += this.#piece(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
      at = end;
    }
    return lines;
  }

  #piece(bytes: Uint8Array): number {
    const at = this.#table.input(bytes.length);
    this.#table.memory().set(bytes, at);
    const { kernel } = this.#table;
    const lines = kernel.run(bytes.length) >>> 0;
    this.#count += (kernel.counted.value as number) >>> 0;
    return lines;
  }

  /** Adds a result of the closure form. A program that counts takes no notice of the key. */
  add(key: string, count: number): void {
    if (this.#counting) this.#count += count;
    else this.#table.add(key, count);
  }

  /** Distinct keys; 0 for a program that counts. */
  get size(): number {
    return this.#table.size;
  }

  /** What a program that counts has counted; else 0. */
  get count(): number {
    return this.#count;
  }

  /** The table, split by `hashString(key) % partitions` (see CountTable). */
  columns(partitions = 1): ByteColumns[] {
    return this.#table.columns(partitions);
  }

  /** Adds the partial counts of another table. */
  merge(columns: ByteColumns): void {
    this.#table.merge(columns);
  }

  /** Ends a batch: table and count begin anew. */
  clear(): void {
    this.#count = 0;
    this.#table.clear();
  }
}

function pieceEnd(bytes: Uint8Array, from: number): number {
  if (bytes.length - from <= PIECE) return bytes.length;
  const before = bytes.lastIndexOf(LF, from + PIECE - 1);
  if (before >= from) return before + 1;
  const after = bytes.indexOf(LF, from + PIECE);
  return after < 0 ? bytes.length : after + 1;
}
