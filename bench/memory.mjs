// Is the resident memory flat at full load?
//
//   node bench/memory.mjs [--secs 600] [--program declared] [--json]
//
// Prints a line a minute: lines a second, resident memory, heap of the main thread.
import { parseArgs } from 'node:util';
import { run } from '../dist/index.js';
import { programs } from './_millrace-job.mjs';
import { machine, sleep, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    secs: { type: 'string', default: '600' },
    program: { type: 'string', default: 'declared' },
    json: { type: 'boolean', default: false },
  },
});
const server = await startServer();
const running = await run(programs[`${flags.program}Silent`], {
  args: { port: server.port },
  threads: 2,
});
if (!flags.json) console.log(`# ${machine()}, ${flags.program}`);
const samples = [];
let before = 0;
for (let second = 0; second < Number(flags.secs); second += 5) {
  await sleep(5000);
  samples.push(process.memoryUsage().rss / 1e6);
  if ((second + 5) % 60 !== 0 && second + 5 < Number(flags.secs)) continue;
  const { records } = running.metrics();
  if (!flags.json)
    console.log(
      `${second + 5} s: ${(records / 1e6).toFixed(0)} M lines in all (+${((records - before) / 1e6).toFixed(0)} M), resident ${samples.at(-1).toFixed(0)} MB`,
    );
  before = records;
}
await running.stop({ graceful: false });
server.stop();
const later = samples.slice(12);
if (later.length > 0) {
  const result = {
    bench: 'memory',
    program: flags.program,
    mostMb: Math.max(...later),
    leastMb: Math.min(...later),
    lastMb: samples.at(-1),
  };
  console.log(
    flags.json
      ? JSON.stringify(result)
      : `after the first minute: ${result.leastMb.toFixed(0)} to ${result.mostMb.toFixed(0)} MB, at the end ${result.lastMb.toFixed(0)} MB`,
  );
}
process.exit(0);
