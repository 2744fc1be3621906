// One end of an edge at full speed, until it is killed. Roles: see ring.test.ts.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { RemoteBell, Sleeper } from '../../dist/actors/doorbell.js';
import { ReceiverEdgeReader, ReceiverEdgeWriter } from '../../dist/actors/receiver-edge.js';
import { RingReader, RingWriter } from '../../dist/actors/ring.js';
import { blockOf, payloadOf, problemIn } from './ring-content.mjs';

const { role, memory, doorbells, me, peer, progress, next } = workerData;
const sleeper = new Sleeper(doorbells, me);
const bell = new RemoteBell(doorbells, peer);
const steps = new Int32Array(progress);

const NOTHING = new Uint8Array(0);
const roles = { ringSender, ringReader, edgeSender, edgeReader };
roles[role]();

/** Tries until it works, asleep in between. */
function untilDone(attempt) {
  while (!attempt()) {
    sleeper.prepare();
    if (attempt()) {
      sleeper.awake();
      return;
    }
    sleeper.park(250);
  }
}

function ringSender() {
  const writer = new RingWriter({ memory, epoch: workerData.epoch, bell });
  for (let n = next; ; n++) {
    const frame = { kind: 'text', port: 0, bytes: payloadOf(n) };
    untilDone(() => writer.send(frame));
    Atomics.add(steps, me, 1);
  }
}

function ringReader() {
  const reader = new RingReader({ memory, epoch: 0, bell, resume: true });
  for (let n = next; ; n++) {
    untilDone(() => reader.peek() !== undefined);
    const problem = problemIn(n, reader.peek().bytes);
    if (problem !== undefined) throw new Error(problem);
    reader.advance();
    Atomics.add(steps, me, 1);
  }
}

function edgeSender() {
  const writer = new ReceiverEdgeWriter({ memory, countLines: true });
  const takeConsumer = () => {
    const message = receiveMessageOnPort(parentPort);
    if (message !== undefined) writer.setConsumer(message.message, bell);
  };
  for (;;) {
    const { bytes, lines } = writer.position();
    const block = blockOf(lines);
    const half = block.length >> 1;
    untilDone(() => {
      takeConsumer();
      return writer.sendText(
        block.subarray(0, half),
        half < block.length ? block.subarray(half) : NOTHING,
        bytes + block.length,
      );
    });
    // Every now and then, and as a relief when much is kept.
    if (lines % 40 === 0 || writer.usedBytes > writer.size / 2) {
      const barrier = {
        number: writer.lastBarrier + 1,
        batch: true,
        point: true,
        last: false,
        time: lines,
        zeroTime: 0,
      };
      untilDone(() => writer.putBarrier(barrier, []));
      bell.ring();
    }
    Atomics.add(steps, me, 1);
  }
}

function edgeReader() {
  const reader = new ReceiverEdgeReader({ memory, words: workerData.words, bell });
  let n = next;
  let barrier = workerData.barrier;
  for (;;) {
    untilDone(() => reader.peek() !== undefined);
    const frame = reader.peek();
    if (frame.kind === 'text') {
      if (
        !Buffer.from(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length).equals(
          blockOf(n),
        )
      )
        throw new Error(`line ${n} is not what was sent`);
      n++;
    } else {
      if (frame.barrier.number !== barrier + 1)
        throw new Error(`barrier ${frame.barrier.number} after ${barrier}`);
      barrier++;
      parentPort.postMessage({ barrier, lines: n, offset: reader.offsetBehind() });
    }
    reader.advance();
    Atomics.add(steps, me, 1);
  }
}
