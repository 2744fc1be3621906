/**
 * What a sink has prepared and not yet committed, by id: a cell of its task's state, under `uid/outbox`. So it outlives
 * threads and processes, and finds its sink again when the code around it has changed.
 * Used by its task's thread only.
 *
 * I1  Ids ascend. What is kept is what was prepared, byte for byte, in each life.
 * I2  A log is let go once all that it has is committed. What stays for long (`PATIENCE` hand-overs) is written again,
 *     an entry a hand-over, so that logs are let go although a target doesn't answer.
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { Publication } from '../../actors/task.ts';
import type { StateCell } from '../state/cell.ts';

export interface KeptOutput {
  readonly id: number;
  /** As the codec has it; undefined when there are files only. */
  readonly bytes: Uint8Array | undefined;
  readonly publish: readonly Publication[];
}

/** All up to that id is gone; and what came. */
type Log = readonly [
  number,
  readonly (readonly [number, Uint8Array | undefined, readonly Publication[]])[],
];

/** Hand-overs that an old entry is waited for. */
const PATIENCE = 32;

export class Outbox implements StateCell {
  /** `rewrite` decides by itself. */
  readonly size: number = 0;
  #kept: KeptOutput[] = [];
  #bytes = 0;
  /** All up to this id is gone; and how much of that a log has. */
  #gone = 0;
  #goneWritten = 0;
  /** Id of the newest entry that a log has. */
  #written = 0;
  /** All up to this id must be gone, or written again, before older logs can go. */
  #roundStart = 0;
  #rewritten = 0;
  #handOvers = 0;

  get kept(): readonly KeptOutput[] {
    return this.#kept;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined output: files only. */
  add(id: number, output: unknown, publish: readonly Publication[]): void {
    const bytes = output === undefined ? undefined : packValue(output);
    this.#kept.push({ id, bytes, publish });
    this.#bytes += bytes?.length ?? 0;
  }

  /** All up to that id is done with. */
  letGo(id: number): void {
    let n = 0;
    while (n < this.#kept.length && this.#kept[n]!.id <= id)
      this.#bytes -= this.#kept[n++]!.bytes?.length ?? 0;
    if (n === 0) return;
    this.#gone = this.#kept[n - 1]!.id;
    this.#kept.splice(0, n);
  }

  changes(): Log | undefined {
    const fresh = this.#kept.filter(({ id }) => id > this.#written);
    // What no log has need not be called gone.
    const isGone = this.#gone > this.#goneWritten && this.#goneWritten < this.#written;
    if (fresh.length === 0 && !isGone) return undefined;
    this.#goneWritten = this.#gone;
    this.#written = fresh.at(-1)?.id ?? this.#written;
    return [this.#gone, fresh.map(entryOf)];
  }

  rewrite(): { readonly log: Log | undefined; readonly round: boolean } {
    let log: Log | undefined;
    if (++this.#handOvers > PATIENCE) {
      const old = this.#kept.find(({ id }) => id > this.#rewritten && id <= this.#roundStart);
      if (old !== undefined) {
        this.#rewritten = old.id;
        log = [this.#gone, [entryOf(old)]];
      }
    }
    const round = !this.#kept.some(({ id }) => id > this.#rewritten && id <= this.#roundStart);
    if (round) {
      this.#roundStart = this.#written;
      this.#rewritten = 0;
      this.#handOvers = 0;
    }
    return { log, round };
  }

  apply(log: unknown): void {
    const [gone, entries] = log as Log;
    this.letGo(gone);
    this.#gone = this.#goneWritten = Math.max(gone, this.#gone);
    for (const [id, bytes, publish] of entries) {
      if (this.#kept.some((kept) => kept.id === id)) continue;
      this.#kept.push({ id, bytes, publish });
      this.#bytes += bytes?.length ?? 0;
    }
    this.#kept.sort((a, b) => a.id - b.id);
    this.#written = this.#roundStart = Math.max(this.#written, this.#kept.at(-1)?.id ?? 0);
  }
}

/** What was prepared. */
export function outputOf({ bytes }: KeptOutput): unknown {
  return bytes === undefined ? undefined : unpackValue(bytes);
}

function entryOf({ id, bytes, publish }: KeptOutput): Log[1][number] {
  return [id, bytes, publish];
}
