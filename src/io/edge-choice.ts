/**
 * Which edge gets the next block of a pushed source. An edge keeps its turn while its consumer keeps up: as long as less
 * than BEHIND_BYTES of it lie unread. So a load that one worker can carry stays on one worker, whose caches and tables
 * are warm, and wakes no other; what it can't carry goes to the edge whose consumer is least behind.
 */
import type { SourceEdge } from './source-edge.ts';

const BEHIND_BYTES = 256 * 1024;

export class EdgeChoice {
  readonly #edges: readonly SourceEdge[];
  #current = 0;

  constructor(edges: readonly SourceEdge[]) {
    this.#edges = edges;
  }

  /** Index of the edge that is next. */
  pick(): number {
    if (this.#edges[this.#current]!.unreadBytes >= BEHIND_BYTES) this.#pass();
    return this.#current;
  }

  /** A block went to edge `index`: where it differs from what was picked, that one had no room. */
  sent(index: number): void {
    this.#current = index;
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
  }
}
