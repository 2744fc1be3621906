/**
 * Edges under the death of real threads. Both ends run at full speed in workers; one of them, by chance, is terminated
 * at whatever instruction it is at; a successor goes on from what the shared memory says. Whatever is torn, lost or
 * doubled makes a reader throw, and shows in the count at the end.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createDoorbells, RemoteBell } from '../../src/actors/doorbell.ts';
import {
  createConsumerWords,
  createReceiverEdge,
  ReceiverEdgeWriter,
  setBase,
} from '../../src/actors/receiver-edge.ts';
import { frameBytes, HEAD, TAIL } from '../../src/actors/ring-layout.ts';
import { createRing, type RingMemory } from '../../src/actors/ring.ts';
// @ts-expect-error plain JavaScript, shared with the workers
import { lengthOf as untypedLengthOf } from './ring-content.mjs';

const lengthOf = untypedLengthOf as (n: number) => number;
const SENDER = 0;
const READER = 1;

/** Threads of one run. `failure` is the first thing that a thread threw. */
class Threads {
  readonly doorbells: SharedArrayBuffer = createDoorbells(2);
  readonly progress: SharedArrayBuffer = new SharedArrayBuffer(8);
  failure: Promise<never>;
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {});
  }

  start(role: string, me: number, data: object): Worker {
    const worker = new Worker(new URL('./ring-worker.mjs', import.meta.url), {
      workerData: {
        role,
        me,
        peer: 1 - me,
        doorbells: this.doorbells,
        progress: this.progress,
        ...data,
      },
    });
    worker.on('error', (error) => this.#fail(error as Error));
    return worker;
  }

  /** Until both ends have made some steps from now, so that the next death hits them at work. */
  async atFullSpeed(steps: number): Promise<void> {
    const progress = new Int32Array(this.progress);
    const goals = [...progress].map((each) => each + steps);
    while (progress.some((each, i) => each < goals[i]!))
      await Promise.race([wait(1), this.failure]);
    await Promise.race([wait(Math.random() * 8), this.failure]);
  }
}

/** Follows a position of a ring whose frames are known: which frame begins there. */
class Place {
  frame = 0;
  #position = 0;
  readonly #word: number;
  readonly #memory: RingMemory;

  constructor(memory: RingMemory, word: number) {
    this.#memory = memory;
    this.#word = word;
  }

  follow(): number {
    const size = this.#memory.data.byteLength;
    const goal = new Int32Array(this.#memory.control)[this.#word]!;
    while (this.#position !== goal) {
      const need = frameBytes(lengthOf(this.frame));
      const toEnd = size - (this.#position & (size - 1));
      if (need > toEnd) {
        // A reader may have stepped over the padding and died before the frame behind it.
        this.#position = (this.#position + toEnd) | 0;
        if (this.#position === goal) break;
      }
      this.#position = (this.#position + need) | 0;
      this.frame++;
      if (((goal - this.#position) | 0) < 0)
        throw new Error('the word points into the middle of a frame');
    }
    return this.frame;
  }
}

describe('threads killed at random', () => {
  it('an inner ring: each published frame is seen exactly once by the chain of readers, none torn', async () => {
    const memory = createRing(16_384, { checksum: true });
    const threads = new Threads();
    const tail = new Place(memory, TAIL);
    const head = new Place(memory, HEAD);
    let epoch = 1;
    const startSender = (): Worker =>
      threads.start('ringSender', SENDER, { memory, epoch: epoch++, next: tail.follow() });
    const startReader = (): Worker =>
      threads.start('ringReader', READER, { memory, next: head.follow() });
    let sender = startSender();
    let reader = startReader();
    const kills = { sender: 0, reader: 0 };
    for (let i = 0; i < 24; i++) {
      await threads.atFullSpeed(200);
      if (Math.random() < 0.5) {
        await sender.terminate();
        kills.sender++;
        sender = startSender();
      } else {
        await reader.terminate();
        kills.reader++;
        reader = startReader();
      }
    }
    await threads.atFullSpeed(200);
    await sender.terminate();
    const published = tail.follow();
    const control = new Int32Array(memory.control);
    while (control[HEAD] !== control[TAIL]) await Promise.race([wait(1), threads.failure]);
    await reader.terminate();
    expect(head.follow()).toBe(published);
    expect(published).toBeGreaterThan(5000);
    expect(kills.sender + kills.reader).toBe(24);
  });

  it('a receiver edge: senders and consumers come and go, each line and barrier is seen once in order', async () => {
    const memory = createReceiverEdge(2 ** 21, { checksum: true });
    const threads = new Threads();
    const bell = new RemoteBell(threads.doorbells, SENDER);
    /** What is held: the coordinator's part, played here. */
    let held = { barrier: 0, lines: 0 };
    let words = createConsumerWords();
    const startReader = (): Worker => {
      words = createConsumerWords();
      const worker = threads.start('edgeReader', READER, {
        memory,
        words,
        next: held.lines,
        barrier: held.barrier,
      });
      worker.on('message', (message: { barrier: number; lines: number; offset: number }) => {
        held = message;
        setBase(memory, message.offset);
        bell.ring();
      });
      return worker;
    };
    const startSender = (): Worker => {
      const worker = threads.start('edgeSender', SENDER, { memory });
      worker.postMessage(words);
      return worker;
    };
    let reader = startReader();
    let sender = startSender();
    for (let i = 0; i < 16; i++) {
      await threads.atFullSpeed(60);
      if (Math.random() < 0.6) {
        await sender.terminate();
        sender = startSender();
      } else {
        await reader.terminate();
        reader = startReader();
        sender.postMessage(words);
      }
    }
    await threads.atFullSpeed(60);
    await sender.terminate();
    // The last sender's successor says what was published, and closes it with a barrier.
    const last = new ReceiverEdgeWriter({ memory, countLines: true });
    last.recover();
    const final = last.lastBarrier + 1;
    while (
      !last.putBarrier(
        { number: final, batch: true, point: true, last: true, time: 0, zeroTime: 0 },
        [],
      )
    )
      await wait(1);
    while (held.barrier !== final) await Promise.race([wait(1), threads.failure]);
    await Promise.all([once(reader, 'exit'), reader.terminate()]);
    expect(held.lines).toBe(last.position().lines);
    expect(held.lines).toBeGreaterThan(1000);
  });
});
