// Topologies: how long a record is on its way, and how many there may be.
//
//   node bench/topology.mjs [--secs 15] [--rounds 3]
//
//   latency     10,000 stamped lines a second over TCP → filter → map → count by key → the sink's function, exactly-once.
//               In µs from the sending to the sink, medians over the seconds. On two threads (sources, one worker) and on
//               three (the counting spread over two workers).
//   throughput  small objects, filter → map → count by key, against a program by hand on two threads with one ring of
//               msgpack blocks (_topology-by-hand.mjs); in turn.
import { parseArgs } from 'node:util';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { figure, file, linesOf, machine, median } from './_util.mjs';

const { values: flags } = parseArgs({
  options: { secs: { type: 'string', default: '15' }, rounds: { type: 'string', default: '3' } },
});
const ms = Number(flags.secs) * 1000;
const rounds = Number(flags.rounds);
const WARM_LINES = 4;

console.log(machine());
const server = spawn(process.execPath, [file('_stamp-server.mjs'), '10000'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [ready] = await once(createInterface({ input: server.stdout }), 'line');
const { port } = JSON.parse(ready);
for (const [title, threads, parallelism] of [
  ['two threads', 1, 1],
  ['three threads', 2, 2],
]) {
  const lines = (
    await linesOf([file('_topology.mjs'), 'latency', port, threads, parallelism], ms)
  ).slice(WARM_LINES * parallelism);
  const of = (key) => median(lines.map((line) => line[key])).toFixed(0);
  const rate = (median(lines.map(({ n }) => n)) * parallelism).toFixed(0);
  console.log(
    `latency     ${title}: p50 ${of('p50_us')} µs, p99 ${of('p99_us')} µs, p99.9 ${of('p999_us')} µs (${rate} records/s)`,
  );
}
server.kill('SIGKILL');

const rate = (lines) => {
  const [first, last] = [lines[WARM_LINES - 2], lines.at(-1)];
  return (last.records - first.records) / (last.t - first.t) / 1000;
};
const results = { millrace: [], 'by hand': [] };
for (let n = 0; n < rounds; n++) {
  results.millrace.push(rate(await linesOf([file('_topology.mjs'), 'throughput', 2], ms)));
  results['by hand'].push(rate(await linesOf([file('_topology-by-hand.mjs')], ms)));
}
for (const [name, rates] of Object.entries(results))
  console.log(`throughput  ${name}: ${figure(rates)} M records/s`);
console.log(
  `throughput  ratio: ${figure(results.millrace.map((each, n) => each / results['by hand'][n]))}`,
);
