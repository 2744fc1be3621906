// What does a death cost at full load?
//
//   node bench/kill.mjs [--kills 12] [--program declared,natural] [--ways terminate,throw,exit,task,spin,oom] [--json]
//
// Word count as fast as it goes on two worker threads; every 3 s one of them dies. Reported for each way of dying: from
// the moment at which the coordinator knows to the first tasks of the new epoch, and how much later than the median
// undisturbed batch the batch came into which the death fell. `task` is a task that throws in a thread that lives on:
// a restart in place. A hang (`spin`) is found after hangTimeoutMs, here 1 s; a heap (`oom`) has 96 MiB.
import { parseArgs } from 'node:util';
import { run } from '../dist/index.js';
import { programs } from './_millrace-job.mjs';
import { figure, machine, median, quantile, sleep, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '12' },
    program: { type: 'string', default: 'declared,natural' },
    ways: { type: 'string', default: 'terminate' },
    json: { type: 'boolean', default: false },
  },
});
if (!flags.json) console.log(`# ${machine()}, ${flags.kills} kills a line`);
for (const program of flags.program.split(','))
  for (const way of flags.ways.split(',')) await measure(program, way);
process.exit(0);

async function measure(program, way) {
  const server = await startServer();
  const running = await run(programs[`${program}Silent`], {
    args: { port: server.port },
    threads: 2,
    maxHeapMb: 96,
    supervision: {
      maxRestarts: 1000,
      withinMs: 60_000,
      hangTimeoutMs: 1000,
      backoff: { maxMs: 50 },
    },
  });
  const batches = [];
  const recoveries = [];
  void (async () => {
    for await (const event of running.events()) {
      if (event.type === 'batchCompleted')
        batches.push({ lateMs: event.totalDelayMs, restarts: recoveries.length });
      if (event.type === 'started') recoveries.push(event.tookMs);
    }
  })();
  await sleep(6000);
  const before = recoveries.length;
  for (let n = 0; n < Number(flags.kills); n++) {
    const workers = running
      .threads()
      .filter(({ role, state }) => role === 'worker' && state === 'up');
    running.kill(workers[n % workers.length].slot, way);
    await sleep(3000);
  }
  await running.stop({ graceful: false });
  server.stop();
  const steady = batches.slice(3);
  const hit = steady.filter((batch, i) => i > 0 && batch.restarts > steady[i - 1].restarts);
  const undisturbed = steady.filter(
    (batch, i) => i > 1 && batch.restarts === steady[i - 2].restarts,
  );
  const usual = median(undisturbed.map(({ lateMs }) => lateMs));
  const later = hit.map(({ lateMs }) => lateMs - usual);
  const took = recoveries.slice(before);
  if (flags.json) console.log(JSON.stringify({ bench: 'kill', program, way, usual, later, took }));
  else
    console.log(
      `${program}, ${way}: the batch comes ${figure(later, 0)} ms later than the usual ${usual.toFixed(0)} ms; tasks start ${figure(took, 1)} ms after it is known, p99 ${quantile(took, 0.99).toFixed(1)}; ${took.length} recoveries`,
    );
}
