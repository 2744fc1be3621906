// How fast does a word count over TCP go on two worker threads, against the program that one would write by hand for it?
//
//   node bench/wordcount.mjs [--runs 5] [--secs 8] [--warm 4] [--only declared,natural] [--json]
//
//   natural    README's closures program    against split and a Map on a receiver and two counting threads
//   declared   words().countByValue()       against the byte program on a receiver and one counting thread
//
// Each run is a process of its own with a fresh server process, and the two take turns. A ratio is of one pair; its
// median and range over all pairs are printed, in lines a second and in lines a CPU-second of the counting process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    secs: { type: 'string', default: '8' },
    warm: { type: 'string', default: '4' },
    only: { type: 'string', default: 'natural,declared' },
    json: { type: 'boolean', default: false },
  },
});

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const PAIRS = {
  natural: {
    ours: (port) => [file('_millrace.mjs'), port, 'natural', '2'],
    theirs: (port) => [file('_by-hand.mjs'), port, 'natural', '2', '1000'],
  },
  declared: {
    ours: (port) => [file('_millrace.mjs'), port, 'declared', '2'],
    theirs: (port) => [file('_by-hand.mjs'), port, 'bytes', '1', '1000'],
  },
};

async function timed(command) {
  const server = spawn(process.execPath, [file('_server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [ready] = await once(createInterface({ input: server.stdout }), 'line');
  const child = spawn(process.execPath, command(String(JSON.parse(ready).port)), { stdio: ['ignore', 'pipe', 'inherit'] });
  const samples = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const sample = JSON.parse(line);
    if (sample.lines !== undefined) samples.push(sample);
  });
  const { warm, secs } = flags;
  await new Promise((resolve) => setTimeout(resolve, (Number(warm) + Number(secs)) * 1000));
  child.kill('SIGKILL');
  server.kill('SIGKILL');
  const from = samples[0].t + Number(warm) * 1000 - 1000;
  const steady = samples.filter(({ t }) => t >= from);
  const first = steady[0];
  const last = steady.at(-1);
  const lines = last.lines - first.lines;
  return { perSecond: lines / ((last.t - first.t) / 1000), perCpuSecond: lines / (last.cpu - first.cpu), rssMb: Math.max(...steady.map((s) => s.rss)) / 1e6 };
}

const sorted = (xs) => xs.toSorted((x, y) => x - y);
const median = (xs) => sorted(xs)[xs.length >> 1];
const range = (xs, digits = 2) => `${median(xs).toFixed(digits)} (${sorted(xs)[0].toFixed(digits)}..${sorted(xs).at(-1).toFixed(digits)})`;

if (!flags.json) console.log(`# node ${process.version}, ${cpus().length} × ${cpus()[0].model}, ${flags.runs} pairs of ${flags.secs} s`);
for (const name of flags.only.split(',')) {
  const ours = [];
  const theirs = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    // Which of the two goes first alternates, as the machine warms up or slows down.
    for (const side of run % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']) (side === 'ours' ? ours : theirs).push(await timed(PAIRS[name][side]));
  }
  const ratios = (key) => ours.map((o, i) => o[key] / theirs[i][key]);
  const result = {
    bench: 'wordcount', program: name,
    millraceLinesPerSecond: median(ours.map((o) => o.perSecond)), byHandLinesPerSecond: median(theirs.map((o) => o.perSecond)),
    ratio: ratios('perSecond'), ratioPerCpuSecond: ratios('perCpuSecond'), rssMb: median(ours.map((o) => o.rssMb)),
  };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    console.log(`${name}: Millrace ${range(ours.map((o) => o.perSecond / 1e6))} M lines/s, by hand ${range(theirs.map((o) => o.perSecond / 1e6))}`);
    console.log(`  ratio ${range(result.ratio)}; a CPU-second ${range(result.ratioPerCpuSecond)}; resident ${result.rssMb.toFixed(0)} MB`);
  }
}
