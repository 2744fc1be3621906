/** What isn't through yet, for whoever gives up on a drain. Pure, but for what it reads of edges. */
import type { Barrier } from '../actors/block.ts';
import { unreadBytes, type ConsumerWords } from '../actors/receiver-edge.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { EdgeMemory, LeftBehind } from './coordinator-words.ts';

export interface LeftBehindOptions {
  readonly wiring: Wiring;
  readonly edges: EdgeMemory;
  /** Of the consumers of receiver edges. */
  readonly words: ReadonlyMap<number, ConsumerWords>;
  /** The oldest barrier that is cut and not held. */
  readonly open: Barrier | undefined;
  /** Whether a task has taken it. */
  readonly has: (barrier: number, task: number) => boolean;
}

export function leftBehind({ wiring, edges, words, open, has }: LeftBehindOptions): LeftBehind {
  const sources = wiring.sources.map(({ name, outputs }) => ({
    source: name,
    unreadBytes: outputs.reduce(
      (sum, edge) => sum + unreadBytes(edges.receiver(edge), words.get(edge)),
      0,
    ),
  }));
  const behind = open === undefined ? [] : wiring.tasks.filter(({ id }) => !has(open.number, id));
  return {
    ...(open === undefined ? {} : { openBarrier: { number: open.number, time: open.time } }),
    tasksBehind: behind.map(({ name }) => name),
    sources: sources.filter((each) => each.unreadBytes > 0),
  };
}
