/**
 * Faults that are planted into the engine for one run, at its seams or into a prototype: each stands for a line that
 * somebody may one day leave out. The simulator must find every one.
 */
import { SenderNotes } from '../../src/actors/receiver-memory.ts';
import type { InEdge } from '../../src/actors/edge.ts';
import { ReceiverEdgeWriter } from '../../src/actors/receiver-edge.ts';
import { InOrder } from '../../src/dstream/run/in-order.ts';
import type { Disk } from '../../src/env/env.ts';
import { RingPool } from '../../src/supervision/ring-pool.ts';
import { HeldIndex } from '../../src/supervision/held-index.ts';
import type { SimHooks } from '../../src/testing/sim/simulation.ts';
import { bodyWith } from '../../src/testing/sim/body-with.ts';
import { replaced } from './_replaced.ts';
import { TOPOLOGY_MUTATIONS } from './_topology-mutations.ts';

/** Numbers that threads may have in a run. */
const SLOTS: readonly number[] = Array.from({ length: 100 }, (_, n) => n);

type NotesRead = typeof SenderNotes.prototype.read;

const notes = (change: (note: ReturnType<NotesRead>) => Partial<ReturnType<NotesRead>>): SimHooks =>
  replaced(
    SenderNotes.prototype,
    'read',
    (read): NotesRead =>
      function (this: SenderNotes) {
        const note = read.call(this);
        return { ...note, ...change(note) };
      },
  );

/** Each writes behind the next, so what is reported may not be there yet. */
function lateWrites(disk: Disk): Disk {
  let late: (() => void) | undefined;
  return {
    size: (path) => disk.size(path),
    listDirectories: (directory) => disk.listDirectories(directory),
    link: (from, to) => disk.link(from, to),
    sync: (path) => disk.sync(path),
    open: (path) => disk.open(path),
    write: (path, data) => {
      late?.();
      late = undefined;
      if (path.includes('handover')) late = () => disk.write(path, data.slice());
      else disk.write(path, data);
    },
    append: (path, data) => disk.append(path, data),
    read: (path) => disk.read(path),
    list: (directory) => disk.list(directory),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    removeDirectory: (path) => disk.removeDirectory(path),
  };
}

/** Doesn't look at an input while another one of its task is at a barrier. */
function readsInTurn(): SimHooks {
  const inputs = new Map<string, InEdge[]>();
  return {
    openIn: (edge, end, epoch, plan) => {
      const key = `${plan.wiring.edges[end.edge]!.to} ${epoch}`;
      const others = inputs.get(key) ?? [];
      inputs.set(key, [...others, edge]);
      return {
        ...(edge.offsetBehind === undefined ? {} : { offsetBehind: () => edge.offsetBehind!() }),
        advance: () => edge.advance(),
        peek: () => {
          const mine = edge.peek();
          if (mine?.kind === 'barrier') return mine;
          const waits = inputs
            .get(key)!
            .some((other) => other !== edge && other.peek()?.kind === 'barrier');
          return waits ? undefined : mine;
        },
      };
    },
  };
}

export const MUTATIONS: Readonly<Record<string, () => SimHooks>> = {
  'the coordinator listens to tasks of any epoch': () => ({
    fromWorker: (message, coordinator) => ({ ...message, epoch: coordinator.epoch }),
  }),
  'BASE moves when one task has taken the barrier': () => ({
    fromWorker: (message, _coordinator, edges) => {
      if (message.type === 'taken')
        for (const [edge, offset] of message.offsets) edges.setBase(edge, offset);
      return message;
    },
  }),
  'BASE moves before the point is in the index': () =>
    replaced(HeldIndex.prototype, 'write', (write) => {
      let n = 0;
      return function (this: HeldIndex, point) {
        if (++n % 5 !== 0) write.call(this, point);
      };
    }),
  'a barrier is dropped on its way': () => {
    let n = 0;
    return {
      openOut: (edge) => ({
        send: (frame) => (frame.kind === 'barrier' && ++n % 100 === 0 ? true : edge.send(frame)),
      }),
    };
  },
  'hand-overs are not restored': () => ({
    body: (body) => bodyWith(body, { restore: () => body.restore([]) }),
  }),
  'the newest part of a hand-over is left out': () => ({
    toWorker: (message) =>
      message.type === 'start'
        ? {
            ...message,
            tasks: message.tasks.map((task) => ({ ...task, parts: task.parts.slice(0, -1) })),
          }
        : message,
  }),
  'a consumer begins behind the first block after BASE': () => ({
    openIn: (edge, end, epoch) => {
      if (
        end.kind === 'receiver' &&
        epoch > 1 &&
        edge.peek() !== undefined &&
        edge.peek()?.kind !== 'barrier'
      )
        edge.advance();
      return edge;
    },
  }),
  'an input is not read while another one is at the barrier': readsInTurn,
  'a barrier is reported as taken before its hand-over is written': () => ({ disk: lateWrites }),
  'a successor of the sources puts the last barrier again': () =>
    notes(({ barrier }) => ({ barrier: Math.max(0, barrier - 1) })),
  'a successor of the sources asks for everything again': () => notes(() => ({ position: 0 })),
  'a successor of the sources leaves a block open': () => notes(() => ({ openChain: false })),
  'a successor of the sources sends a batch from its start': () => ({
    begin: () => {
      const sequence = Object.getOwnPropertyDescriptor(ReceiverEdgeWriter.prototype, 'sequence')!;
      Object.defineProperty(ReceiverEdgeWriter.prototype, 'sequence', {
        configurable: true,
        get: () => 0,
      });
      return () => void Object.defineProperty(ReceiverEdgeWriter.prototype, 'sequence', sequence);
    },
  }),
  'open barriers are not posted to a successor of the sources': () => {
    let newest = 0;
    return {
      toSources: (message) => {
        if (message.type !== 'cut') return message;
        if (message.barrier.number <= newest) return undefined;
        newest = message.barrier.number;
        return message;
      },
    };
  },
  'rings of the epoch before are handed on, whoever may still have them': () =>
    replaced(
      RingPool.prototype,
      'begin',
      (begin) =>
        function (this: RingPool, epoch, slots) {
          for (const slot of SLOTS) this.dead(slot);
          begin.call(this, epoch, slots);
        },
    ),
  'who begins an epoch has let go of this one too': () =>
    replaced(
      RingPool.prototype,
      'began',
      (began) =>
        function (this: RingPool, slot, epoch) {
          began.call(this, slot, epoch + 1);
        },
    ),
  'nobody is fenced off': () => ({ fences: false }),
  'a batch that was given up is run again': () => ({
    toWorker: (message) => (message.type === 'start' ? { ...message, skip: [] } : message),
  }),
  'blocks are used in the order in which they come': () =>
    replaced(
      InOrder.prototype,
      'offer',
      (offer) =>
        function (this: InOrder, _input, block) {
          offer.call(this, 0, { ...block, port: 0 });
        },
    ),
  ...TOPOLOGY_MUTATIONS,
};
