// Runs a topology of _topology-jobs.mjs; `throughput` prints a JSON line a second.
//
//   node bench/_topology.mjs latency PORT THREADS PARALLELISM
//   node bench/_topology.mjs throughput THREADS
import { run } from '../dist/index.js';
import { latency, throughput } from './_topology-jobs.mjs';

const [name, ...rest] = process.argv.slice(2);
if (name === 'latency') {
  const [port, threads, parallelism] = rest.map(Number);
  await run(latency, { args: { port, parallelism }, threads });
} else {
  const running = await run(throughput, { threads: Number(rest[0]) });
  let records = 0;
  for await (const event of running.events()) {
    if (event.type !== 'batchCompleted') continue;
    records += event.records;
    const { user, system } = process.cpuUsage();
    console.log(
      JSON.stringify({
        t: Date.now(),
        records,
        cpu: (user + system) / 1e6,
        rss: process.memoryUsage().rss,
      }),
    );
  }
}
