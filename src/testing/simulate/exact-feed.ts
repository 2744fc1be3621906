/** Gives again what lay on the edges of a run, batch by batch and partition by partition: for the undisturbed run. */
import type { EdgeHistory } from '../sim/history.ts';
import type { Feed } from '../sim/sim-sources.ts';
import type { PulledBatch, PulledPartition, Source } from '../../io/source.ts';

/** By batch and partition; undefined where the batch was missing. */
export type ExactBatches = readonly (readonly (readonly unknown[])[] | undefined)[];

export class ExactFeed implements Feed {
  readonly #batches: ExactBatches;
  readonly #isText: boolean;

  constructor(batches: ExactBatches, isText: boolean) {
    this.#batches = batches;
    this.#isText = isText;
  }

  create(): Source {
    let next = 0;
    return {
      open: (context) => context.state('connected'),
      pull: (): PulledBatch => {
        const partitions = this.#batches[next++];
        return { partitions: partitions?.map((records) => this.#partition(records)) };
      },
      close: () => undefined,
    };
  }

  isIn(): boolean {
    return true;
  }

  check(): string[] {
    return [];
  }

  disconnect(): void {}

  calm(): void {}

  #partition(records: readonly unknown[]): PulledPartition {
    if (!this.#isText) return records;
    return Buffer.from(records.map((line) => `${line as string}\n`).join(''));
  }
}

/** What lay on the edges of one source, batch after batch. */
export function batchesOn(edges: readonly EdgeHistory[]): ExactBatches {
  return [...edges[0]!.batches.keys()].map((barrier) => {
    const parts = edges.map((edge) => edge.batches.get(barrier)!);
    return parts.some(({ absent }) => absent) ? undefined : parts.map(({ records }) => records);
  });
}
