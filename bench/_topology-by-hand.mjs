// What a programmer writes by hand for `throughput` of _topology-jobs.mjs: one thread makes the records and packs blocks
// of them into a ring in shared memory, another unpacks, filters, maps and counts. Each waits for the other by
// Atomics.wait. No barrier, no recovery. Prints a JSON line a second.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Packr } from 'msgpackr';

const SLOTS = 16;
const SLOT_BYTES = 256 * 1024;
const RECORDS = 1024;

if (isMainThread) {
  const memory = {
    words: new SharedArrayBuffer(64),
    data: new SharedArrayBuffer(SLOTS * SLOT_BYTES),
  };
  const start = (role) => new Worker(new URL(import.meta.url), { workerData: { role, ...memory } });
  start('maker');
  start('counter').on('message', (line) => console.log(JSON.stringify(line)));
} else {
  const { role, words: buffer, data } = workerData;
  const words = new Int32Array(buffer);
  const [HEAD, TAIL] = [0, 8];
  const bytes = new Uint8Array(data);
  const packr = new Packr();
  if (role === 'maker') {
    let n = 0;
    for (let tail = 0; ; tail++) {
      const rows = [];
      for (let i = 0; i < RECORDS; i++, n++) rows.push({ id: n, key: n % 1000, value: n & 1023 });
      const packed = packr.pack(rows);
      for (let head; tail - (head = Atomics.load(words, HEAD)) >= SLOTS;)
        Atomics.wait(words, HEAD, head, 100);
      const at = (tail % SLOTS) * SLOT_BYTES;
      new DataView(data).setUint32(at, packed.length);
      bytes.set(packed, at + 4);
      Atomics.store(words, TAIL, tail + 1);
      Atomics.notify(words, TAIL);
    }
  } else {
    const counts = new Map();
    let records = 0;
    let told = performance.now();
    const unpacked = Buffer.alloc(SLOT_BYTES);
    for (let head = 0; ; head++) {
      for (let tail; (tail = Atomics.load(words, TAIL)) === head;)
        Atomics.wait(words, TAIL, tail, 100);
      const at = (head % SLOTS) * SLOT_BYTES;
      const length = new DataView(data).getUint32(at);
      unpacked.set(bytes.subarray(at + 4, at + 4 + length));
      const rows = packr.unpack(unpacked.subarray(0, length));
      Atomics.store(words, HEAD, head + 1);
      Atomics.notify(words, HEAD);
      for (const record of rows) {
        if ((record.value & 7) === 0) continue;
        const mapped = { key: record.key, value: record.value + 1 };
        counts.set(mapped.key, (counts.get(mapped.key) ?? 0) + 1);
      }
      records += rows.length;
      const now = performance.now();
      if (now - told < 1000) continue;
      const { user, system } = process.cpuUsage();
      parentPort.postMessage({ t: Date.now(), records, cpu: (user + system) / 1e6 });
      told = now;
    }
  }
}
