// What a programmer writes by hand for `latency` of _topology-jobs.mjs: one thread receives straight into a ring in shared
// memory, another cuts lines, filters, maps, counts by key and calls the sink's function. It waits by Atomics.wait. No
// barrier, no recovery. Prints the sink's JSON lines.
//
//   node bench/_topology-latency-by-hand.mjs PORT
import { connect } from 'node:net';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { clockedSink } from './_clocked-sink.mjs';

const BYTES = 1 << 20;
const [HEAD, TAIL] = [0, 16];

if (isMainThread) {
  const memory = { words: new SharedArrayBuffer(128), data: new SharedArrayBuffer(BYTES) };
  const words = new Int32Array(memory.words);
  const ring = Buffer.from(memory.data);
  new Worker(new URL(import.meta.url), { workerData: memory }).on('message', (line) =>
    console.log(JSON.stringify(line)),
  );
  let tail = 0;
  connect({
    host: '127.0.0.1',
    port: Number(process.argv[2]),
    noDelay: true,
    onread: {
      buffer: Buffer.alloc(64 * 1024),
      callback(bytes, buffer) {
        while (BYTES - (tail - Atomics.load(words, HEAD)) < bytes);
        const at = tail % BYTES;
        const first = Math.min(bytes, BYTES - at);
        ring.set(buffer.subarray(0, first), at);
        ring.set(buffer.subarray(first, bytes), 0);
        tail += bytes;
        Atomics.store(words, TAIL, tail);
        Atomics.notify(words, TAIL);
        return true;
      },
    },
  });
} else {
  const words = new Int32Array(workerData.words);
  const ring = Buffer.from(workerData.data);
  const sink = clockedSink((line) => parentPort.postMessage(line));
  const counts = new Map();
  let rest = '';
  for (let head = 0; ;) {
    const tail = Atomics.load(words, TAIL);
    if (tail === head) {
      Atomics.wait(words, TAIL, tail, 100);
      continue;
    }
    const at = head % BYTES;
    const first = Math.min(tail - head, BYTES - at);
    const text = rest + ring.latin1Slice(at, at + first) + ring.latin1Slice(0, tail - head - first);
    head = tail;
    Atomics.store(words, HEAD, head);
    const lines = text.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.length <= 16) continue;
      const [us, key] = line.split(' ');
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      sink({ us: Number(us), key, count });
    }
  }
}
