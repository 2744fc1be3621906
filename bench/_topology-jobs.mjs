// The topologies of bench/topology.mjs.
import { forEach, generate, socket, topology } from '../dist/index.js';

export class Count {
  counts = new Map();
  process(record, out) {
    const count = (this.counts.get(record.key) ?? 0) + 1;
    this.counts.set(record.key, count);
    record.count = count;
    out.emit(record);
  }
  snapshot() {
    return [...this.counts];
  }
  restore(counts) {
    this.counts = new Map(counts);
  }
}

const BUCKET_US = 10;

/** Tells of the last second, in µs: how long records were on their way. */
function clockedSink() {
  const buckets = new Uint32Array(20_000);
  let n = 0;
  let max = 0;
  let told = performance.now();
  const quantile = (q) => {
    let left = n * q;
    for (let i = 0; i < buckets.length; i++)
      if ((left -= buckets[i]) <= 0) return (i + 0.5) * BUCKET_US;
    return max;
  };
  return (record) => {
    const us = (performance.timeOrigin + performance.now()) * 1000 - record.us;
    buckets[Math.max(0, Math.min(buckets.length - 1, Math.floor(us / BUCKET_US)))]++;
    n++;
    if (us > max) max = us;
    if (performance.now() - told < 1000) return;
    console.log(
      JSON.stringify({
        t: Date.now(),
        n,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
        max_us: max,
      }),
    );
    buckets.fill(0);
    n = max = 0;
    told = performance.now();
  };
}

/** Lines of _stamp-server.mjs: filter → map → count by key → sink. */
export const latency = topology(
  'latency',
  { checkpointInterval: '1s' },
  (t, { port, parallelism }) => {
    const lines = t.source('lines', socket({ host: '127.0.0.1', port }));
    const good = t.stage(
      'filter',
      (line, out) => {
        if (line.length > 16) out.emit(line);
      },
      { from: lines.shuffle() },
    );
    const parsed = t.stage(
      'map',
      (line, out) => {
        const [us, key] = line.split(' ');
        out.emit({ us: Number(us), key, count: 0 });
      },
      { from: good.shuffle() },
    );
    const counts = t.stage('count', Count, {
      from: parsed.byKey((record) => record.key),
      parallelism,
    });
    t.sink('out', forEach(clockedSink()), { from: counts.local(), parallelism });
  },
);

/** As many small objects as go: filter → map → count by key. Says each second how many there were. */
export const throughput = topology('throughput', { checkpointInterval: '1s' }, (t) => {
  const records = t.source(
    'records',
    generate((n) => ({ id: n, key: n % 1000, value: n & 1023 })),
  );
  const good = t.stage(
    'filter',
    (record, out) => {
      if ((record.value & 7) !== 0) out.emit(record);
    },
    { from: records.shuffle() },
  );
  const mapped = t.stage(
    'map',
    (record, out) => out.emit({ key: record.key, value: record.value + 1 }),
    {
      from: good.shuffle(),
    },
  );
  const counts = new Map();
  t.sink(
    'out',
    forEach((record) => void counts.set(record.key, (counts.get(record.key) ?? 0) + 1)),
    {
      from: mapped.byKey((record) => record.key),
    },
  );
});
