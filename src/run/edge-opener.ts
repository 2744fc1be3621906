/** Opens the ends of edges on a thread. `bellOf` gives the bell of the thread at the other end. */
import type { Bell } from '../actors/doorbell.ts';
import type { InEdge, OutEdge } from '../actors/edge.ts';
import type { EdgeEnd } from '../actors/messages.ts';
import { LocalQueue } from '../actors/queue.ts';
import { ReceiverEdgeReader } from '../actors/receiver-edge.ts';
import { RingReader, RingWriter, type RingMemory } from '../actors/ring.ts';
import type { EdgeOpener } from '../actors/thread-host.ts';
import { millraceError } from '../errors.ts';

/** @param sending hears of each ring that this thread sends into */
export function edgeOpener(
  bellOf: (slot: number) => Bell,
  sending?: (ring: RingMemory, bell: Bell) => void,
): EdgeOpener {
  return {
    openIn(end: EdgeEnd, epoch: number): InEdge {
      if (end.kind === 'ring')
        return new RingReader({ memory: end.memory, epoch, bell: bellOf(end.peer) });
      if (end.kind === 'receiver')
        return new ReceiverEdgeReader({
          memory: end.memory,
          words: end.words,
          base: end.base,
          bell: bellOf(end.peer),
          ...(end.sole === true ? { soleEpoch: epoch } : {}),
        });
      throw unexpected(end);
    },
    openOut(end: EdgeEnd, epoch: number): OutEdge {
      if (end.kind === 'ring') {
        const bell = bellOf(end.peer);
        sending?.(end.memory, bell);
        return new RingWriter({ memory: end.memory, epoch, bell });
      }
      throw unexpected(end);
    },
    local: () => new LocalQueue(),
  };
}

function unexpected(end: EdgeEnd): Error {
  return millraceError(
    'ERR_MILLRACE_UNSUPPORTED',
    `an edge of kind ${end.kind} can't be opened at this end`,
    { context: { edge: end.edge } },
  );
}
