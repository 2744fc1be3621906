/**
 * What the sources of a job put on their edges, over all lives of its process: of each life what came before the barrier
 * at which the next one began, as if there had been no other. By source and partition, for edges are numbered anew when a
 * job has other threads.
 *
 * L1  What was cut once is cut again as it was: a recovery point that lay on an edge stands there again in the next life,
 *     with the same number, time and records before it.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Plan } from '../../plan/planned.ts';
import type { EdgeBatch, EdgeObserver } from './observer.ts';

/** What one partition of a source carried. */
export interface EdgeHistory {
  /** For messages. */
  readonly edge: number;
  readonly barriers: readonly Barrier[];
  /** By the number of the batch barrier. */
  readonly batches: ReadonlyMap<number, EdgeBatch>;
  /** All records, those behind the last barrier too. */
  readonly published: readonly unknown[];
}

class Partition implements EdgeHistory {
  readonly source: number;
  readonly index: number;
  #earlier: { barriers: Barrier[]; batches: Map<number, EdgeBatch>; published: unknown[] } = {
    barriers: [],
    batches: new Map(),
    published: [],
  };
  /** Recovery points of earlier lives that are to come again. */
  #again = new Map<number, { readonly barrier: Barrier; readonly batch: EdgeBatch | undefined }>();
  #now: EdgeObserver | undefined;

  constructor(source: number, index: number) {
    this.source = source;
    this.index = index;
  }

  get edge(): number {
    return this.#now?.edge ?? -1;
  }

  get barriers(): readonly Barrier[] {
    return [...this.#earlier.barriers, ...(this.#now?.barriers ?? [])];
  }

  get batches(): ReadonlyMap<number, EdgeBatch> {
    const now = this.#now?.batches ?? new Map<number, EdgeBatch>();
    return this.#earlier.batches.size === 0 ? now : new Map([...this.#earlier.batches, ...now]);
  }

  get published(): readonly unknown[] {
    const { published } = this.#earlier;
    const now = this.#now?.published ?? [];
    return published.length === 0 ? now : [...published, ...now];
  }

  /** A life begins behind that barrier. Gives what is wrong with the one before. */
  begin(observer: EdgeObserver, start: number): string[] {
    const wrong = this.check();
    const { barriers, batches } = this;
    for (const barrier of barriers) {
      const { number } = barrier;
      if (number > start && barrier.point)
        this.#again.set(number, { barrier: again(barrier), batch: batches.get(number) });
    }
    for (const number of this.#again.keys()) if (number <= start) this.#again.delete(number);
    const kept = new Map([...batches].filter(([number]) => number <= start));
    this.#earlier = {
      barriers: barriers.filter(({ number }) => number <= start),
      batches: kept,
      published: [...kept.values()].flatMap(({ records }) => records),
    };
    this.#now = observer;
    return wrong;
  }

  /** Whether what this life has put agrees with what earlier ones had (L1). */
  check(): string[] {
    const wrong: string[] = [];
    const { batches } = this.#now ?? { batches: new Map<number, EdgeBatch>() };
    for (const barrier of this.#now?.barriers ?? []) {
      const before = this.#again.get(barrier.number);
      if (before === undefined) continue;
      const now = { barrier: again(barrier), batch: batches.get(barrier.number) };
      if (JSON.stringify(now) !== JSON.stringify(before))
        wrong.push(
          `L1: source ${this.source}, partition ${this.index}: cut again is ${JSON.stringify(now)}, and it was ${JSON.stringify(before)}`,
        );
    }
    return wrong;
  }

  /** Recovery points that were cut and have not come again. */
  get missing(): readonly number[] {
    const last = this.#now?.barriers.at(-1)?.number ?? 0;
    return [...this.#again.keys()].filter((number) => number > last);
  }
}

/** As it is to come again: what was the last one of a process ends the next one no more. */
function again(barrier: Barrier): Barrier {
  return { ...barrier, last: false };
}

export class History {
  #partitions: readonly (readonly Partition[])[] = [];
  lives = 0;

  /** @returns what is wrong with what came before */
  begin(plan: Plan, observers: ReadonlyMap<number, EdgeObserver>, start: number): string[] {
    if (this.lives++ === 0)
      this.#partitions = plan.wiring.sources.map(({ id, outputs }) =>
        outputs.map((_, index) => new Partition(id, index)),
      );
    return plan.wiring.sources.flatMap(({ id, outputs }) => {
      const partitions = this.#partitions[id]!;
      if (partitions.length !== outputs.length)
        return [`L1: source ${id} had ${partitions.length} partitions and has ${outputs.length}`];
      return outputs.flatMap((edge, index) =>
        partitions[index]!.begin(observers.get(edge)!, start),
      );
    });
  }

  /** Of a source, by partition. */
  edgesOf(source: number): readonly EdgeHistory[] {
    return this.#partitions[source] ?? [];
  }

  /** As it is now, by source and partition. */
  settled(): readonly (readonly EdgeHistory[])[] {
    return this.#partitions.map((partitions) =>
      partitions.map(({ edge, barriers, batches, published }) => ({
        edge,
        barriers,
        batches,
        published,
      })),
    );
  }

  check(): string[] {
    return this.#partitions.flat().flatMap((partition) => {
      const { missing, source, index } = partition;
      return [
        ...partition.check(),
        ...(missing.length === 0
          ? []
          : [
              `L1: source ${source}, partition ${index}: barriers ${missing.join()} were cut, and the last life has not cut them again`,
            ]),
      ];
    });
  }
}
