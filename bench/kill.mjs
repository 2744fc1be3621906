// How late is the output of the batch in which a worker thread dies, at full load?
//
//   node bench/kill.mjs [--kills 12] [--program declared] [--json]
//
// Word count as fast as it goes; every 3 s a worker is terminated. Reported: from the death to the first tasks of the new
// epoch, and how much later than the median undisturbed batch the batch came into which the death fell.
import { parseArgs } from 'node:util';
import { run } from '../dist/index.js';
import { programs } from './_millrace-job.mjs';
import { figure, machine, median, sleep, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: { kills: { type: 'string', default: '12' }, program: { type: 'string', default: 'declared,natural' }, json: { type: 'boolean', default: false } },
});
if (!flags.json) console.log(`# ${machine()}, ${flags.kills} kills`);
for (const program of flags.program.split(',')) {
  const server = await startServer();
  // The sink's lines are not ours.
  const running = await run(programs[`${program}Silent`], { args: { port: server.port }, threads: 2, supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } } });
  const batches = [];
  const recoveries = [];
  void (async () => {
    for await (const event of running.events()) {
      if (event.type === 'batchCompleted') batches.push({ at: performance.timeOrigin + performance.now(), lateMs: event.totalDelayMs, restarts: recoveries.length });
      if (event.type === 'started') recoveries.push(event.tookMs);
    }
  })();
  await sleep(6000);
  for (let n = 0; n < Number(flags.kills); n++) {
    const workers = running.threads().filter(({ role, state }) => role === 'worker' && state === 'up');
    running.kill(workers[n % workers.length].slot);
    await sleep(3000);
  }
  await running.stop({ graceful: false });
  server.stop();
  const steady = batches.slice(3);
  const hit = steady.filter((batch, i) => i > 0 && batch.restarts > steady[i - 1].restarts);
  const undisturbed = steady.filter((batch, i) => i > 1 && batch.restarts === steady[i - 1].restarts && batch.restarts === steady[i - 2].restarts);
  const usual = median(undisturbed.map(({ lateMs }) => lateMs));
  const later = hit.map(({ lateMs }) => lateMs - usual);
  if (flags.json) console.log(JSON.stringify({ bench: 'kill', program, usual, later, recoveries: recoveries.slice(1) }));
  else console.log(`${program}: a batch with a death in it comes ${figure(later, 0)} ms later than the usual ${usual.toFixed(0)} ms; tasks restart after ${figure(recoveries.slice(1), 1)} ms; ${recoveries.length - 1} recoveries`);
}
process.exit(0);
