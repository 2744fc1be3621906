/**
 * What each worker is told when an epoch begins: its tasks, both ends of every edge, and what tasks go on from. Pure but
 * for the memory that it asks for, which is the epoch's own.
 */
import { setConsumerEpoch, baseOf } from '../actors/receiver-memory.ts';
import type { ConsumerWords } from '../actors/receiver-edge.ts';
import type { RingMemory } from '../actors/ring.ts';
import type { EdgeEnd, TaskStart } from '../actors/messages.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { EdgeMemory } from './coordinator-words.ts';

export interface EpochStartsOptions {
  readonly wiring: Wiring;
  readonly edges: EdgeMemory;
  readonly epoch: number;
  /** It is not the first start. */
  readonly isRecovery: boolean;
  /** By logical worker. */
  readonly slots: readonly number[];
  readonly sourcesSlot: number;
  /** By task: files of its hand-overs. */
  readonly parts: readonly (readonly string[])[];
  readonly takeRing: () => RingMemory;
  readonly carefulOf: (task: number) => TaskStart['careful'];
}

export interface EpochStarts {
  /** By logical worker. */
  readonly starts: TaskStart[][];
  /** Of the consumers of receiver edges. */
  readonly words: ReadonlyMap<number, ConsumerWords>;
}

/** Every edge gets both its ends: memory of the epoch between threads, a queue within one. */
export function epochStarts(options: EpochStartsOptions): EpochStarts {
  const { wiring, edges, epoch, isRecovery, slots, sourcesSlot, parts, takeRing, carefulOf } =
    options;
  const words = new Map<number, ConsumerWords>();
  const outEnds = new Map<number, EdgeEnd>();
  const inEnds = new Map<number, EdgeEnd>();
  const lossy = new Set(wiring.sources.flatMap(({ id, replay }) => (replay === false ? [id] : [])));
  for (const { id: edge, kind, from, to, feedback } of wiring.edges) {
    const back = feedback === true ? { feedback } : {};
    const receiver = slots[wiring.tasks[to]!.worker]!;
    if (kind === 'receiver') {
      const own = edges.createWords();
      words.set(edge, own);
      const memory = edges.receiver(edge);
      if (lossy.has(from)) setConsumerEpoch(memory, epoch);
      inEnds.set(edge, {
        kind: 'receiver',
        edge,
        memory,
        words: own,
        base: baseOf(memory),
        peer: sourcesSlot,
        ...(lossy.has(from) ? { sole: true, dropOld: isRecovery } : {}),
      });
      continue;
    }
    const sender = slots[wiring.tasks[from]!.worker]!;
    if (sender === receiver) {
      inEnds.set(edge, { kind: 'local', edge, ...back });
      outEnds.set(edge, { kind: 'local', edge, ...back });
    } else {
      const memory = takeRing();
      inEnds.set(edge, { kind: 'ring', edge, memory, peer: sender, ...back });
      outEnds.set(edge, { kind: 'ring', edge, memory, peer: receiver, ...back });
    }
  }
  const starts: TaskStart[][] = slots.map(() => []);
  for (const task of wiring.tasks) {
    const careful = carefulOf(task.id);
    starts[task.worker]!.push({
      task: task.id,
      ...(task.commits === true ? { commits: true } : {}),
      inputs: task.inputs.map((edge) => inEnds.get(edge)!),
      outputs: task.outputs.map((edge) => outEnds.get(edge)!),
      parts: parts[task.id]!,
      ...(careful === undefined ? {} : { careful }),
    });
  }
  return { starts, words };
}
