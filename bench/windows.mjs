// What does a batch cost that goes through a window?
//
//   node bench/windows.mjs [--keys 50000] [--records 100000] [--batches 100] [--json]
//
// Each program reduces batches of the same records by key, in one thread, with a recovery point at each batch. Figures
// are CPU time a batch once the window is full. Bars: with an inverse at most twice a plain reduceByKey; without one no
// more the longer the window is, and no batch that stands out for the window's sake.
import { parseArgs } from 'node:util';
import { runBatches } from '../dist/testing/index.js';
import { machine, median, quantile, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '50000' },
    records: { type: 'string', default: '100000' },
    batches: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const keys = Number(flags.keys);
const records = Number(flags.records);
const measured = Number(flags.batches);

const add = (a, b) => a + b;
const subtract = (a, b) => a - b;
const programs = {
  'plain reduceByKey': { window: 0, build: (s) => s.reduceByKey(add) },
  'with inverse, 60 batches': {
    window: 60,
    build: (s) => s.reduceByKeyAndWindow(add, { window: 60_000, slide: 1000, inverse: subtract }),
  },
  ...Object.fromEntries(
    [10, 60, 300].map((window) => [
      `without inverse, ${window} batches`,
      {
        window,
        build: (s) => s.reduceByKeyAndWindow(add, { window: window * 1000, slide: 1000 }),
      },
    ]),
  ),
};

/** Batches that take turns: each key comes as often as others, in another order. */
const batches = Array.from({ length: 8 }, (_, b) =>
  Array.from({ length: records }, (_, i) => `key-${(i * 7919 + b * 104_729) % keys}`),
);

async function costs({ window, build }) {
  const warm = Math.max(window, 30) + 10;
  const count = warm + measured;
  const inputs = [Array.from({ length: count }, (_, n) => batches[n % batches.length])];
  const costs = [];
  let before;
  let given = 0;
  await runBatches({ inputs, threads: 0 }, (ssc, lines) => {
    build(lines.map((key) => [key, 1])).foreachBatch((batch, time) => {
      const { user, system } = process.cpuUsage();
      if (before !== undefined && time > warm * 1000) costs.push((user + system - before) / 1000);
      before = user + system;
      given = batch.size;
    });
  });
  if (given !== keys) throw new Error(`a window gave ${given} keys of ${keys}`);
  return costs;
}

if (!flags.json)
  console.log(
    `# ${machine()}, ${records} records of ${keys} keys a batch, ${measured} batches each`,
  );
const figures = {};
for (const [name, program] of Object.entries(programs)) {
  if (flags.only !== undefined && !name.includes(flags.only)) continue;
  const ms = await costs(program);
  figures[name] = {
    medianMs: median(ms),
    p90Ms: quantile(ms, 0.9),
    worstMs: Math.max(...ms),
  };
  if (!flags.json) {
    const { medianMs, p90Ms, worstMs } = figures[name];
    console.log(
      `${name}: ${medianMs.toFixed(1)} ms a batch, 90 % below ${p90Ms.toFixed(1)}, worst ${worstMs.toFixed(1)} (${(worstMs / medianMs).toFixed(2)} × the median)`,
    );
  }
}
if (flags.only !== undefined) process.exit(0);
const plain = figures['plain reduceByKey'];
const inverse = figures['with inverse, 60 batches'].medianMs / plain.medianMs;
const growth =
  figures['without inverse, 300 batches'].medianMs /
  figures['without inverse, 10 batches'].medianMs;
const spike =
  figures['without inverse, 300 batches'].worstMs /
  figures['without inverse, 300 batches'].medianMs;
if (flags.json) console.log(JSON.stringify({ bench: 'windows', inverse, growth, spike, figures }));
else {
  console.log(`with inverse: ${inverse.toFixed(2)} × plain, ${verdict('2', inverse <= 2)}`);
  console.log(
    `300 batches against 10: ${growth.toFixed(2)} ×, ${verdict('1.3', growth <= 1.3)}; worst batch ${spike.toFixed(2)} × the median (plain: ${(plain.worstMs / plain.medianMs).toFixed(2)} ×)`,
  );
}
process.exit(0);
