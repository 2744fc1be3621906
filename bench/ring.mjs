// How much does a ring between two threads carry?
//
//   node bench/ring.mjs [--runs 7] [--seconds 0.7] [--json]
//
// Text frames of 64 KiB, in GB/s: copied in by the sender, every cache line read by the receiver.
// Text frames of 64 bytes, in frames/s. Both through RingWriter and RingReader as tasks use them,
// with doorbells: whoever finds nothing to do looks a few times more, then sleeps.
// Bars: 2 GB/s and 2 M frames/s, on two cores.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createDoorbells, RemoteBell, Sleeper } from '../dist/actors/doorbell.js';
import { createRing, RingReader, RingWriter } from '../dist/actors/ring.js';

const QUESTIONS = [
  {
    name: '64 KiB frames',
    frameBytes: 65_536,
    ringBytes: 1 << 20,
    bar: 2e9,
    unit: 'GB/s',
    per: (frames) => frames * 65_536,
    scale: 1e9,
  },
  {
    name: '64-byte frames',
    frameBytes: 64,
    ringBytes: 1 << 20,
    bar: 2e6,
    unit: 'M frames/s',
    per: (frames) => frames,
    scale: 1e6,
  },
];
const LOOKS = 200;

if (isMainThread) await main();
else if (workerData.role === 'sender') send();
else receive();

async function main() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '0.7' },
      json: { type: 'boolean', default: false },
    },
  });
  const runs = Math.max(5, Number(values.runs));
  const seconds = Number(values.seconds);
  const results = [];
  for (const question of QUESTIONS) {
    await once(question, 0.3);
    const rates = [];
    for (let run = 0; run < runs; run++) rates.push(question.per(await once(question, seconds)));
    rates.sort((a, b) => a - b);
    const median = rates[rates.length >> 1];
    results.push({
      name: question.name,
      unit: question.unit,
      median: median / question.scale,
      min: rates[0] / question.scale,
      max: rates.at(-1) / question.scale,
      bar: question.bar / question.scale,
      reached: median >= question.bar,
    });
  }
  if (values.json) {
    console.log(
      JSON.stringify({
        bench: 'ring',
        node: process.version,
        cpu: cpus()[0]?.model,
        cores: cpus().length,
        runs,
        seconds,
        results,
      }),
    );
    return;
  }
  console.log(
    `ring between two threads, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${runs} runs of ${seconds} s`,
  );
  for (const { name, unit, median, min, max, bar, reached } of results) {
    console.log(
      `${name.padEnd(16)} ${median.toFixed(2)} ${unit} (${min.toFixed(2)} to ${max.toFixed(2)}), bar ${bar} ${reached ? 'reached' : 'MISSED'}`,
    );
  }
}

/** Frames a second in one run with fresh threads. */
async function once({ frameBytes, ringBytes }, seconds) {
  const shared = {
    memory: createRing(ringBytes),
    doorbells: createDoorbells(2),
    frameBytes,
    seconds,
  };
  const workers = ['sender', 'receiver'].map(
    (role) => new Worker(new URL(import.meta.url), { workerData: { ...shared, role } }),
  );
  const [rate] = await Promise.race([
    new Promise((resolve) => workers[1].once('message', (message) => resolve([message]))),
    ...workers.map((worker) => new Promise((_, reject) => worker.once('error', reject))),
  ]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return rate;
}

function send() {
  const { memory, doorbells, frameBytes } = workerData;
  const writer = new RingWriter({ memory, epoch: 1, bell: new RemoteBell(doorbells, 1) });
  const sleeper = new Sleeper(doorbells, 0);
  const bytes = new Uint8Array(frameBytes).fill(97);
  for (;;) {
    // A frame is an object of its own, as tasks make them.
    const frame = { kind: 'text', port: 0, bytes };
    let looks = 0;
    while (!writer.send(frame)) {
      if (looks++ < LOOKS) continue;
      sleeper.prepare();
      if (writer.send(frame)) {
        sleeper.awake();
        break;
      }
      sleeper.park(250);
    }
  }
}

function receive() {
  const { memory, doorbells, seconds } = workerData;
  const reader = new RingReader({ memory, epoch: 1, bell: new RemoteBell(doorbells, 0) });
  const sleeper = new Sleeper(doorbells, 1);
  let frames = 0;
  let sum = 0;
  let begun = 0n;
  const warmUp = 200_000_000n;
  const length = BigInt(Math.round(seconds * 1e9));
  const created = process.hrtime.bigint();
  for (let looks = 0; ;) {
    const frame = reader.peek();
    if (frame === undefined) {
      if (looks++ < LOOKS) continue;
      sleeper.prepare();
      if (reader.peek() === undefined) sleeper.park(250);
      else sleeper.awake();
      continue;
    }
    looks = 0;
    const { bytes } = frame;
    for (let i = 0; i < bytes.length; i += 64) sum += bytes[i];
    reader.advance();
    frames++;
    if ((frames & 63) !== 0) continue;
    const now = process.hrtime.bigint();
    if (begun === 0n) {
      if (now - created < warmUp) continue;
      begun = now;
      frames = 0;
    } else if (now - begun >= length) {
      if (sum % 97 !== 0) throw new Error('wrong bytes');
      parentPort.postMessage((frames * 1e9) / Number(now - begun));
      return;
    }
  }
}
