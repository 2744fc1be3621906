// The topologies of bench/topology.mjs.
import { forEach, generate, socket, topology } from '../dist/index.js';
import { clockedSink } from './_clocked-sink.mjs';

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
