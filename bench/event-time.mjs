// What do sliding windows and sessions of event time cost, against tumbling windows?
//
//   node bench/event-time.mjs [--keys 100000] [--records 100000] [--batches 40] [--only NAME] [--json]
//
// Each program reduces the same records by key and window, in one thread, with a recovery point at each batch. A batch
// has a second of event time, a little out of order, and each key about once. So each batch gives a result for each key:
// that of the last second, of the last ten, or of a session that has ended. Figures are records for each second of CPU
// time once windows are full. Bar: sliding windows and sessions at least half as fast as tumbling ones.
import { parseArgs } from 'node:util';
import { session, sliding, tumbling } from '../dist/index.js';
import { runBatches } from '../dist/testing/index.js';
import { machine, median, quantile, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    records: { type: 'string', default: '100000' },
    batches: { type: 'string', default: '40' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const keys = Number(flags.keys);
const records = Number(flags.records);
const measured = Number(flags.batches);
const WARM = 20;

const windows = {
  'tumbling 1 s': tumbling('1s'),
  'sliding 10 s by 1 s': sliding('10s', '1s'),
  'sliding 60 s by 1 s': sliding('60s', '1s'),
  'sessions, gap 500 ms': session('500ms'),
};

/** `[timestamp, key, value]`, up to 200 ms out of order. */
const batchOf = (n) =>
  Array.from({ length: records }, (_, i) => [
    n * 1000 + Math.floor((i * 1000) / records) - ((i * 31) % 200),
    `key-${(i * 7919 + n * 104_729) % keys}`,
    1,
  ]);

async function run(name) {
  const warm = name.includes('60 s') ? 70 : WARM;
  const count = warm + measured;
  // The records of a batch are made when it is wanted: all at once would fill the memory.
  const inputs = [Array.from({ length: count }, () => [0])];
  const costs = [];
  let results = 0;
  let before;
  await runBatches({ inputs, threads: 0 }, (_ssc, ticks) => {
    let n = 0;
    let making = 0;
    ticks
      .flatMap(() => {
        const start = process.cpuUsage();
        const batch = batchOf(n++);
        const { user, system } = process.cpuUsage(start);
        making = user + system;
        return batch;
      })
      .withTimestamps((event) => event[0], { maxOutOfOrderness: 200 })
      .map((event) => [event[1], event[2]])
      .windowBy(windows[name])
      .reduceByKey((a, b) => a + b)
      .foreachBatch((batch, time) => {
        const { user, system } = process.cpuUsage();
        if (before !== undefined && time > warm * 1000) {
          costs.push((user + system - before - making) / 1000);
          results += batch.size;
        }
        before = user + system;
      });
  });
  return { medianMs: median(costs), p90Ms: quantile(costs, 0.9), results: results / costs.length };
}

if (!flags.json)
  console.log(
    `# ${machine()}, ${records} records of ${keys} keys a batch, ${measured} batches each`,
  );
const figures = {};
for (const name of Object.keys(windows)) {
  if (flags.only !== undefined && !name.includes(flags.only)) continue;
  const { medianMs, p90Ms, results } = await run(name);
  figures[name] = { medianMs, p90Ms, results, recordsASecond: records / (medianMs / 1000) };
  if (!flags.json)
    console.log(
      `${name}: ${(figures[name].recordsASecond / 1e6).toFixed(2)} M records/s of CPU, ${medianMs.toFixed(0)} ms a batch ` +
        `(90 % below ${p90Ms.toFixed(0)}), ${Math.round(results)} results a batch`,
    );
}
if (flags.only !== undefined) process.exit(0);
const of = (name) => figures[name].recordsASecond / figures['tumbling 1 s'].recordsASecond;
const ratios = Object.fromEntries(
  Object.keys(windows)
    .slice(1)
    .map((name) => [name, of(name)]),
);
if (flags.json) console.log(JSON.stringify({ bench: 'event-time', ratios, figures }));
else
  for (const [name, ratio] of Object.entries(ratios))
    console.log(`${name}: ${ratio.toFixed(2)} × tumbling, ${verdict('0.5', ratio >= 0.5)}`);
process.exit(0);
