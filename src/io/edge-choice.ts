/**
 * Which edge gets the next block of a pushed source. An edge keeps its turn until it got 64 KiB, so that a light load
 * stays on one worker and wakes no other; the next turn goes to the edge whose consumer is least behind.
 */
import type { SourceEdge } from './source-edge.ts';

const TURN_BYTES = 64 * 1024;

export class EdgeChoice {
  readonly #edges: readonly SourceEdge[];
  #current = 0;
  #leftBytes = TURN_BYTES;

  constructor(edges: readonly SourceEdge[]) {
    this.#edges = edges;
  }

  /** Index of the edge that is next. */
  pick(): number {
    if (this.#leftBytes <= 0) this.#pass();
    return this.#current;
  }

  /** A block of so many bytes went to edge `index`. */
  sent(index: number, bytes: number): void {
    if (index !== this.#current) {
      // The edge whose turn it was had no room.
      this.#current = index;
      this.#leftBytes = TURN_BYTES;
    }
    this.#leftBytes -= bytes;
  }

  /** Edges that are equally far behind take turns. */
  #pass(): void {
    const count = this.#edges.length;
    const last = this.#current;
    let least = Infinity;
    for (let step = 1; step <= count; step++) {
      const index = (last + step) % count;
      const unread = this.#edges[index]!.unreadBytes;
      if (unread < least) {
        least = unread;
        this.#current = index;
      }
    }
    this.#leftBytes = TURN_BYTES;
  }
}
