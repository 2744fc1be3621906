// The word count that a good programmer writes by hand for this one job: no operators, no recovery, no exchange.
//
//   node bench/_by-hand.mjs PORT natural|bytes COUNTERS INTERVAL_MS
//
// The main thread reads the socket straight into slots of shared memory, whole lines a slot, and deals the slots out to
// COUNTERS threads in turn. Each counts into a table of its own: `natural` with split and a Map of strings, `bytes` with
// a tokeniser over 4 bytes at a time and an exact table in typed arrays. Every interval the tables come to the main
// thread, are merged, and one JSON line says how many lines were counted so far and how many distinct words there were.
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const SLOTS = 16;
const CARRY = 8192;
const READ = 256 * 1024;
const SLOT = CARRY + READ + 64;
// Words of a counter's control block: slots written, slots read, batches asked for, then [start, end] of each slot.
const WRITTEN = 0;
const DONE = 1;
const ASKED = 2;
const RANGES = 4;

if (isMainThread)
  receive(
    Number(process.argv[2]),
    process.argv[3],
    Number(process.argv[4]),
    Number(process.argv[5]),
  );
else count(workerData);

function receive(port, kind, counters, intervalMs) {
  const lanes = Array.from({ length: counters }, () => {
    const data = new SharedArrayBuffer(SLOTS * SLOT);
    const control = new Int32Array(new SharedArrayBuffer(4 * (RANGES + 2 * SLOTS)));
    const slots = Array.from({ length: SLOTS }, (_, i) => Buffer.from(data, i * SLOT, SLOT));
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { data, control, kind },
    });
    return { control, slots, worker, written: 0 };
  });
  let lane = 0;
  let start = CARRY;
  const hasRoom = (l) => l.written - Atomics.load(l.control, DONE) < SLOTS - 1;
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: () => lanes[lane].slots[lanes[lane].written % SLOTS].subarray(CARRY, CARRY + READ),
      callback(bytes) {
        const here = lanes[lane];
        const slot = here.written % SLOTS;
        const buffer = here.slots[slot];
        const end = CARRY + bytes;
        const cut = buffer.lastIndexOf(10, end - 1) + 1;
        lane = (lane + 1) % counters;
        const next = lanes[lane];
        // The unfinished line goes in front of the next slot.
        const rest = end - cut;
        const into = next.slots[(next === here ? here.written + 1 : next.written) % SLOTS];
        buffer.copy(into, CARRY - rest, cut, end);
        here.control[RANGES + 2 * slot] = start;
        here.control[RANGES + 2 * slot + 1] = cut;
        start = CARRY - rest;
        here.written++;
        Atomics.store(here.control, WRITTEN, here.written);
        Atomics.notify(here.control, WRITTEN);
        if (hasRoom(next)) return true;
        const again = () => {
          if (hasRoom(next)) return void socket.resume();
          const done = Atomics.load(next.control, DONE);
          const wait = Atomics.waitAsync(next.control, DONE, done, 100);
          if (wait.async) void wait.value.then(again);
          else setImmediate(again);
        };
        setImmediate(again);
        return false;
      },
    },
  });
  let batch = 0;
  const waiting = new Map();
  for (const l of lanes) {
    l.worker.on('message', (result) => {
      const results = waiting.get(result.batch) ?? [];
      results.push(result);
      waiting.set(result.batch, results);
      if (results.length < counters) return;
      waiting.delete(result.batch);
      const merged = new Map(results[0].counts);
      for (const { counts } of results.slice(1))
        for (const [word, n] of counts) merged.set(word, (merged.get(word) ?? 0) + n);
      const lines = results.reduce((sum, r) => sum + r.lines, 0);
      console.log(
        JSON.stringify({
          t: Date.now(),
          lines,
          distinct: merged.size,
          cpu: cpuSeconds(),
          rss: process.memoryUsage().rss,
        }),
      );
    });
  }
  setInterval(() => {
    batch++;
    for (const l of lanes) {
      Atomics.store(l.control, ASKED, batch);
      Atomics.notify(l.control, WRITTEN);
    }
  }, intervalMs);
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function count({ data, control, kind }) {
  const bytes = Buffer.from(data);
  const counter =
    kind === 'natural' ? naturalCounter(bytes) : byteCounter(bytes, new DataView(data));
  let done = 0;
  let batch = 0;
  for (;;) {
    const written = Atomics.load(control, WRITTEN);
    const asked = Atomics.load(control, ASKED);
    if (asked > batch) {
      batch = asked;
      parentPort.postMessage({ batch, ...counter.take() });
    }
    if (done === written) {
      Atomics.wait(control, WRITTEN, written, 20);
      continue;
    }
    const slot = done % SLOTS;
    counter.add(
      slot * SLOT + control[RANGES + 2 * slot],
      slot * SLOT + control[RANGES + 2 * slot + 1],
    );
    done++;
    Atomics.store(control, DONE, done);
    Atomics.notify(control, DONE);
  }
}

function naturalCounter(bytes) {
  let counts = new Map();
  let lines = 0;
  return {
    add(from, to) {
      const text = bytes.latin1Slice(from, to - 1).split('\n');
      lines += text.length;
      for (const line of text)
        for (const word of line.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
    },
    take() {
      const result = { counts, lines };
      counts = new Map();
      return result;
    },
  };
}

/** Words of up to 12 bytes are three integers in a table of 2^18 places; longer ones go to a Map. */
function byteCounter(bytes, view) {
  const PLACES = 1 << 18;
  const a = new Int32Array(PLACES);
  const b = new Int32Array(PLACES);
  const c = new Int32Array(PLACES);
  const counts = new Int32Array(PLACES);
  const used = new Int32Array(PLACES);
  const long = new Map();
  let usedCount = 0;
  let lines = 0;
  // The high bit of each byte that is a space or less; exact for the lowest one.
  const ends = (x) => (x - 0x21212121) & ~x & 0x80808080;
  const firstEnd = (m) => (31 - Math.clz32(m & -m)) >> 3;
  return {
    add(from, to) {
      let at = from;
      while (at < to) {
        let x = view.getInt32(at, true);
        let y = 0;
        let z = 0;
        let length;
        let m = ends(x);
        if (m !== 0) {
          length = firstEnd(m);
          x &= (1 << (length << 3)) - 1;
        } else {
          y = view.getInt32(at + 4, true);
          m = ends(y);
          if (m !== 0) {
            const n = firstEnd(m);
            y &= (1 << (n << 3)) - 1;
            length = 4 + n;
          } else {
            z = view.getInt32(at + 8, true);
            m = ends(z);
            if (m !== 0) {
              const n = firstEnd(m);
              z &= (1 << (n << 3)) - 1;
              length = 8 + n;
            } else {
              let end = at + 12;
              while (bytes[end] > 32) end++;
              length = end - at;
              if (length > 12) {
                const word = bytes.latin1Slice(at, end);
                long.set(word, (long.get(word) ?? 0) + 1);
                if (bytes[end] === 10) lines++;
                at = end + 1;
                continue;
              }
            }
          }
        }
        at += length;
        if (bytes[at] === 10) lines++;
        at++;
        if (length === 0) continue;
        const hash = Math.imul(x ^ Math.imul(y, 0x85ebca6b) ^ Math.imul(z, 0x27d4eb2f), 0x9e3779b1);
        let place = (hash ^ (hash >>> 15)) & (PLACES - 1);
        for (;;) {
          const n = counts[place];
          if (n === 0) {
            a[place] = x;
            b[place] = y;
            c[place] = z;
            counts[place] = 1;
            used[usedCount++] = place;
            break;
          }
          if (a[place] === x && b[place] === y && c[place] === z) {
            counts[place] = n + 1;
            break;
          }
          place = (place + 1) & (PLACES - 1);
        }
      }
    },
    take() {
      const word = Buffer.alloc(12);
      const result = new Map(long);
      for (let i = 0; i < usedCount; i++) {
        const place = used[i];
        word.writeInt32LE(a[place], 0);
        word.writeInt32LE(b[place], 4);
        word.writeInt32LE(c[place], 8);
        let n = 12;
        while (n > 0 && word[n - 1] === 0) n--;
        result.set(word.latin1Slice(0, n), counts[place]);
        counts[place] = 0;
      }
      usedCount = 0;
      long.clear();
      return { counts: result, lines };
    },
  };
}
