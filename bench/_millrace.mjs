// Runs a program of bench/_millrace-job.mjs or bench/_state-jobs.mjs and prints one JSON line a batch, as bench/_by-hand.mjs does.
//
//   node bench/_millrace.mjs PORT natural|declared THREADS [CHECKPOINT_DIR]
import { run } from '../dist/index.js';
import { programs } from './_millrace-job.mjs';
import { programs as statePrograms } from './_state-jobs.mjs';

const [port, program, threads, checkpointDir] = process.argv.slice(2);
const running = await run({ ...programs, ...statePrograms }[program], {
  args: { port: Number(port) },
  threads: Number(threads),
  ...(checkpointDir === undefined ? {} : { checkpointDir }),
});
let lines = 0;
for await (const event of running.events()) {
  if (event.type !== 'batchCompleted') continue;
  lines += event.records;
  const { user, system } = process.cpuUsage();
  console.log(
    JSON.stringify({
      t: Date.now(),
      lines,
      delayMs: event.totalDelayMs,
      cpu: (user + system) / 1e6,
      rss: process.memoryUsage().rss,
    }),
  );
}
