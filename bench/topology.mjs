// Topologies: how long a record is on its way, and how many there may be.
//
//   node bench/topology.mjs [--only latency|throughput] [--secs 15] [--rounds 5] [--pairs 20] [--pair-secs 8] [--jet JAR]
//
//   latency     10,000 stamped lines a second over TCP → filter → map → count by key → the sink's function, in µs from the
//               sending to the sink. In turn: Millrace, exactly-once, on two threads (sources, one worker) and on three
//               (the counting spread over two workers); two threads by hand (_topology-latency-by-hand.mjs); and Hazelcast
//               Jet without a guarantee, if it is there (_jet.mjs). Of each round the median of its seconds, warm-up left out.
//   throughput  small objects, filter → map → count by key, against a program by hand on two threads with one ring of
//               msgpack blocks (_topology-by-hand.mjs); in turn.
import { parseArgs } from 'node:util';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { jetProgram } from './_jet.mjs';
import {
  figure,
  file,
  judged,
  linesOf,
  linesOfProgram,
  machine,
  median,
  verdict,
} from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    secs: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '5' },
    pairs: { type: 'string', default: '20' },
    'pair-secs': { type: 'string', default: '8' },
    jet: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const WARM_LINES = 4;
/** What a JVM takes until it has compiled, in s. */
const JET_WARM_SECS = 15;
let missed = 0;

console.log(`# ${machine()}`);
if (flags.only !== 'throughput') await latency();
if (flags.only !== 'latency') await throughput();
process.exit(missed === 0 ? 0 : 1);

async function latency() {
  const ms = Number(flags.secs) * 1000;
  const server = spawn(process.execPath, [file('_stamp-server.mjs'), '10000'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [ready] = await once(createInterface({ input: server.stdout }), 'line');
  const { port } = JSON.parse(ready);
  const node =
    (warm, ...args) =>
    async () =>
      (await linesOf(args, ms)).slice(warm);
  const contenders = {
    'millrace, two threads': node(WARM_LINES, file('_topology.mjs'), 'latency', port, 1, 1),
    'millrace, three threads': node(2 * WARM_LINES, file('_topology.mjs'), 'latency', port, 2, 2),
    'by hand, two threads': node(WARM_LINES, file('_topology-latency-by-hand.mjs'), port),
  };
  if (flags.jet !== undefined) {
    const [command, args] = jetProgram(flags.jet)(port);
    contenders.jet = async () =>
      (await linesOfProgram(command, args, ms + JET_WARM_SECS * 1000)).slice(JET_WARM_SECS);
  }
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < Number(flags.rounds); round++)
    for (const [name, lines] of Object.entries(contenders)) found[name].push(await lines());
  server.kill('SIGKILL');
  const of = (name, key) => found[name].map((lines) => median(lines.map((line) => line[key])));
  for (const name of Object.keys(contenders)) {
    const [p50, p99, p999] = ['p50_us', 'p99_us', 'p999_us'].map((key) => of(name, key));
    console.log(
      `latency     ${name.padEnd(23)} p50 ${figure(p50, 0)}, p99 ${figure(p99, 0)}, p99.9 ${figure(p999, 0)} µs, n = ${p50.length}`,
    );
    if (flags.json) console.log(JSON.stringify({ bench: 'topology', name, p50, p99, p999 }));
  }
  for (const name of ['millrace, two threads', 'millrace, three threads']) {
    for (const key of ['p50_us', 'p99_us']) {
      const jet =
        flags.jet === undefined ? { p50_us: 350, p99_us: 1400 }[key] : median(of('jet', key));
      const holds = median(of(name, key)) <= jet;
      if (!holds) missed++;
      const whose = flags.jet === undefined ? "Jet's, measured elsewhere" : "Jet's";
      console.log(
        `latency     ${name}, ${key.slice(0, 3)}: ${verdict(`≤ ${jet} µs, ${whose}`, holds)}`,
      );
    }
  }
}

async function throughput() {
  const ms = Number(flags['pair-secs']) * 1000;
  const rate = (lines) => {
    if (lines.length < WARM_LINES) throw new Error('too few seconds: raise --pair-secs');
    const [first, last] = [lines[WARM_LINES - 2], lines.at(-1)];
    return (last.records - first.records) / (last.t - first.t) / 1000;
  };
  const results = { millrace: [], 'by hand': [] };
  for (let n = 0; n < Number(flags.pairs); n++) {
    results.millrace.push(rate(await linesOf([file('_topology.mjs'), 'throughput', 2], ms)));
    results['by hand'].push(rate(await linesOf([file('_topology-by-hand.mjs')], ms)));
  }
  for (const [name, rates] of Object.entries(results))
    console.log(`throughput  ${name.padEnd(8)} ${figure(rates)} M records/s, n = ${rates.length}`);
  const ratios = results.millrace.map((each, n) => each / results['by hand'][n]);
  const holds = median(ratios) >= 0.8 && median(results.millrace) >= 1;
  if (!holds) missed++;
  console.log(
    `throughput  ratio ${judged(ratios)}; ${verdict('≥ 0.8, and ≥ 1 M records/s', holds)}`,
  );
  if (flags.json) console.log(JSON.stringify({ bench: 'topology', ...results }));
}
