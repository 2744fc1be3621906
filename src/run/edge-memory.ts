/** Allocates what edges lie in: receiver edges for the life of a job, inner rings and consumer words for an epoch. */
import {
  createConsumerWords,
  createReceiverEdge,
  setBase,
  type ReceiverMemory,
} from '../actors/receiver-edge.ts';
import { createRing, resetRing } from '../actors/ring.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { EdgeMemory } from '../supervision/coordinator.ts';

/** Bytes of a ring between two threads. */
const RING_BYTES = 2 << 20;
/** A receiver edge is never smaller: a line of the default limit fits into a quarter. */
const MIN_RECEIVER_BYTES = 4 << 20;

export interface EdgeSizes {
  readonly ringBytes?: number;
  /** In tests and simulations: a checksum over each frame. */
  readonly checksum?: boolean;
}

/** `retainBytes` is shared by the partitions of a source. */
export function allocateReceivers(
  wiring: Wiring,
  retainBytes: number,
  least: number = MIN_RECEIVER_BYTES,
): Map<number, ReceiverMemory> {
  const memory = new Map<number, ReceiverMemory>();
  for (const source of wiring.sources) {
    const bytes = Math.max(least, Math.floor(retainBytes / source.outputs.length));
    for (const edge of source.outputs) memory.set(edge, createReceiverEdge(bytes));
  }
  return memory;
}

export function edgeMemory(
  receivers: ReadonlyMap<number, ReceiverMemory>,
  { ringBytes = RING_BYTES, checksum = false }: EdgeSizes = {},
): EdgeMemory {
  return {
    createRing: () => createRing(ringBytes, { checksum }),
    resetRing,
    createWords: () => createConsumerWords(),
    receiver: (edge) => receivers.get(edge)!,
    setBase: (edge, offset) => setBase(receivers.get(edge)!, offset),
  };
}
