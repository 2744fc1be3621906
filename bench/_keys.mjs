// Runs a program of bench/_key-jobs.mjs, and prints a line of JSON for each completed batch.
//
//   node bench/_keys.mjs JSON      { program, port, threads, checkpointDir, watch }
//
// A line on standard input is answered with the CPU time of the process and its longest pauses since the line before.
import { createInterface } from 'node:readline';
import { run } from '../dist/index.js';
import { programs } from './_key-jobs.mjs';
import { pausesIn, pauseWords } from './_pauses.mjs';

const { program, port, threads = 2, checkpointDir, watch = false } = JSON.parse(process.argv[2]);
const pauses = pauseWords();
const running = await run(programs[program], {
  args: { port, ...(watch ? { pauses } : {}) },
  threads,
  ...(checkpointDir === undefined ? {} : { checkpointDir, checkpointInterval: '1s' }),
});
const say = (word) => console.log(JSON.stringify(word));
say({ up: true });
createInterface({ input: process.stdin }).on('line', () => {
  const { user, system } = process.cpuUsage();
  say({
    cpu: (user + system) / 1e6,
    pauses: pausesIn(pauses),
    rss: process.memoryUsage().rss,
  });
  pauses.fill(0);
});
for await (const event of running.events()) {
  if (event.type === 'batchCompleted')
    say({ completed: event.time, records: event.numRecords, delayMs: event.totalDelayMs });
  if (event.type === 'checkpointCompleted') say({ checkpoint: event.barrier, ...event });
}
