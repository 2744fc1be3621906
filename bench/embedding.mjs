// What does a process feel that embeds Millrace at full load?
//
//   node bench/embedding.mjs [--secs 20] [--json]
//
// The delay of its event loop (monitorEventLoopDelay, 1 ms resolution), idle and with the declared word count at full load
// on two worker threads.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { run } from '../dist/index.js';
import { programs } from './_millrace-job.mjs';
import { machine, sleep, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: { secs: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } },
});
const measure = async () => {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(Number(flags.secs) * 1000);
  histogram.disable();
  return {
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    max: histogram.max / 1e6,
  };
};

await sleep(1000);
const idle = await measure();
const server = await startServer();
const running = await run(programs.declaredSilent, { args: { port: server.port }, threads: 2 });
await sleep(3000);
const loaded = await measure();
const { records } = running.metrics();
await running.stop({ graceful: false });
server.stop();
if (flags.json) console.log(JSON.stringify({ bench: 'embedding', idle, loaded, records }));
else {
  const text = ({ p50, p99, max }) =>
    `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, worst ${max.toFixed(1)} ms`;
  console.log(
    `# ${machine()}\nevent-loop delay idle: ${text(idle)}; at full load: ${text(loaded)}; p99 above idle ${(loaded.p99 - idle.p99).toFixed(2)} ms`,
  );
}
process.exit(0);
