// What does a batch cost that goes through a window?
//
//   node bench/windows.mjs [--keys 50000] [--records 100000] [--batches 100] [--json]
//
// Each program reduces batches of the same records by key, in one thread, with a recovery point at each batch. Programs
// that are compared run in one process and take turns, a batch each, so that both meet the same noise. Figures are CPU
// time a batch once the window is full. Bars: with an inverse at most twice a plain reduceByKey; without one no more the
// longer the window is, and no batch that stands out for the window's sake.
import { parseArgs } from 'node:util';
import { runBatches } from '../dist/testing/index.js';
import { judged, machine, median, medianInterval, quantile, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '50000' },
    records: { type: 'string', default: '100000' },
    batches: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
});
const keys = Number(flags.keys);
const records = Number(flags.records);
const measured = Number(flags.batches);

const add = (a, b) => a + b;
const subtract = (a, b) => a - b;
const plain = { name: 'plain reduceByKey', window: 0, build: (s) => s.reduceByKey(add) };
const windowed = (window, options) => ({
  name: `${options.inverse ? 'with' : 'without'} inverse, ${window} batches`,
  window,
  build: (s) => s.reduceByKeyAndWindow(add, { window: window * 1000, slide: 1000, ...options }),
});
const groups = [
  [plain, windowed(60, { inverse: subtract })],
  [windowed(10, {}), windowed(60, {}), windowed(300, {})],
];

/** Each key comes as often as others, in another order. */
const batches = Array.from({ length: 8 }, (_, b) =>
  Array.from({ length: records }, (_, i) => `key-${(i * 7919 + b * 104_729) % keys}`),
);

/** Whoever is done with a batch waits here until all others are. */
function turns(count) {
  const waiting = Array.from({ length: count }, () => undefined);
  let turn = 0;
  return {
    /** Ends the turn of `n`; a promise of its next one. */
    end(n) {
      const mine = new Promise((resolve) => (waiting[n] = resolve));
      turn = (turn + 1) % count;
      waiting[turn]?.();
      return mine;
    },
    begin: (n) => (turn === n ? undefined : new Promise((resolve) => (waiting[n] = resolve))),
  };
}

/** CPU time in ms of each batch of each program. */
async function costs(programs) {
  const warm = Math.max(30, ...programs.map(({ window }) => window)) + 10;
  const count = warm + measured;
  const inputs = [Array.from({ length: count }, (_, n) => batches[n % batches.length])];
  const costs = programs.map(() => []);
  const place = turns(programs.length);
  let before = process.cpuUsage();
  await Promise.all(
    programs.map(async ({ build }, n) => {
      await place.begin(n);
      await runBatches({ inputs, threads: 0 }, (ssc, lines) => {
        build(lines.map((key) => [key, 1])).foreachBatch(async (batch, time) => {
          if (batch.size !== keys) throw new Error(`a batch has ${batch.size} keys of ${keys}`);
          const { user, system } = process.cpuUsage(before);
          if (time > warm * 1000) costs[n].push((user + system) / 1000);
          const mine = place.end(n);
          // The last batch waits for nobody.
          if (time < count * 1000) await mine;
          before = process.cpuUsage();
        });
      });
    }),
  );
  return costs;
}

if (!flags.json)
  console.log(
    `# ${machine()}, ${records} records of ${keys} keys a batch, ${measured} batches each`,
  );
const figures = {};
const all = {};
for (const group of groups) {
  const each = await costs(group);
  group.forEach(({ name }, n) => {
    const ms = each[n];
    all[name] = ms;
    const figure = { medianMs: median(ms), p90Ms: quantile(ms, 0.9), worstMs: Math.max(...ms) };
    figures[name] = figure;
    if (!flags.json)
      console.log(
        `${name}: ${figure.medianMs.toFixed(1)} ms a batch, 90 % below ${figure.p90Ms.toFixed(1)}, worst ${figure.worstMs.toFixed(1)} (${(figure.worstMs / figure.medianMs).toFixed(2)} × the median)`,
      );
  });
}
const ratios = (a, b) => all[a].map((ms, i) => ms / all[b][i]);
const inverse = ratios('with inverse, 60 batches', 'plain reduceByKey');
const growth = ratios('without inverse, 300 batches', 'without inverse, 10 batches');
const spike = ({ worstMs, medianMs }) => worstMs / medianMs;
const spikes = {
  plain: spike(figures['plain reduceByKey']),
  window: spike(figures['without inverse, 300 batches']),
};
if (flags.json)
  console.log(
    JSON.stringify({
      bench: 'windows',
      inverse: median(inverse),
      growth: median(growth),
      spikes,
      figures,
    }),
  );
else {
  console.log(
    `with inverse, against plain: ${judged(inverse)}, ${verdict('2', medianInterval(inverse)[1] <= 2)}`,
  );
  console.log(
    `300 batches against 10: ${judged(growth)}, ${verdict('1.3', medianInterval(growth)[1] <= 1.3)}`,
  );
  console.log(
    `worst batch against the median: ${spikes.window.toFixed(2)} with 300 batches, ${spikes.plain.toFixed(2)} plain`,
  );
}
process.exit(0);
