// How long after its boundary is the result of a batch in the sink's hands, at half load?
//
//   node bench/latency.mjs [--secs 20] [--runs 5] [--natural LINES_PER_S] [--declared LINES_PER_S] [--json]
//
// Word count, batches of 1 s, two worker threads. The sink notes the wall clock when `foreachBatch` is called with the
// batch. Rates are about half of what bench/wordcount.mjs measures. 50,000 distinct words in every batch, and 1,000.
import { parseArgs } from 'node:util';
import { figure, file, linesOf, machine, quantile, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    secs: { type: 'string', default: '20' },
    runs: { type: 'string', default: '5' },
    natural: { type: 'string', default: '300000' },
    declared: { type: 'string', default: '3000000' },
    json: { type: 'boolean', default: false },
  },
});
const WARM_BATCHES = 5;

if (!flags.json) console.log(`# ${machine()}, ${flags.runs} runs of ${flags.secs} s`);
for (const program of ['declared', 'natural']) {
  for (const vocabulary of [50_000, 1000]) {
    const p50 = [];
    const p99 = [];
    let distinct = 0;
    for (let run = 0; run < Number(flags.runs); run++) {
      const server = await startServer('--rate', flags[program], '--vocabulary', vocabulary);
      const lines = await linesOf(
        [file('_millrace.mjs'), server.port, program, 2],
        Number(flags.secs) * 1000,
      );
      server.stop();
      const batches = lines.filter(({ lateMs }) => lateMs !== undefined).slice(WARM_BATCHES);
      p50.push(
        quantile(
          batches.map(({ lateMs }) => lateMs),
          0.5,
        ),
      );
      p99.push(
        quantile(
          batches.map(({ lateMs }) => lateMs),
          0.99,
        ),
      );
      distinct = batches.at(-1).distinct;
    }
    if (flags.json)
      console.log(JSON.stringify({ bench: 'latency', program, vocabulary, distinct, p50, p99 }));
    else
      console.log(
        `${program}, ${distinct} distinct words a batch at ${flags[program]} lines/s: p50 ${figure(p50, 1)} ms, p99 ${figure(p99, 1)} ms`,
      );
  }
}
