// How fast does a word count over TCP go on two worker threads, against the program that one would write by hand for it?
//
//   node bench/wordcount.mjs [--runs 5] [--secs 8] [--warm 4] [--only declared,natural] [--json]
//
//   natural    README's closures program    against split and a Map on a receiver and two counting threads
//   declared   words().countByValue()       against the byte program on a receiver and one counting thread
//
// Each run is a process of its own with a fresh server process, and the two take turns. A ratio is of one pair; its
// median and range over all pairs are printed, in lines a second and in lines a CPU-second of the counting process.
import { parseArgs } from 'node:util';
import { figure, file, linesOf, machine, median, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    secs: { type: 'string', default: '8' },
    warm: { type: 'string', default: '4' },
    only: { type: 'string', default: 'natural,declared' },
    json: { type: 'boolean', default: false },
  },
});

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
  const { warm, secs } = flags;
  const server = await startServer();
  const lines = await linesOf(command(String(server.port)), (Number(warm) + Number(secs)) * 1000);
  server.stop();
  const samples = lines.filter(({ lines: n }) => n !== undefined);
  const steady = samples.filter(({ t }) => t >= samples[0].t + (Number(warm) - 1) * 1000);
  const first = steady[0];
  const last = steady.at(-1);
  const counted = last.lines - first.lines;
  return {
    perSecond: counted / ((last.t - first.t) / 1000),
    perCpuSecond: counted / (last.cpu - first.cpu),
    rssMb: Math.max(...steady.map((s) => s.rss)) / 1e6,
  };
}

if (!flags.json) console.log(`# ${machine()}, ${flags.runs} pairs of ${flags.secs} s`);
for (const name of flags.only.split(',')) {
  const ours = [];
  const theirs = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    // Which of the two goes first alternates, as the machine warms up or slows down.
    for (const side of run % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours'])
      (side === 'ours' ? ours : theirs).push(await timed(PAIRS[name][side]));
  }
  const ratios = (key) => ours.map((o, i) => o[key] / theirs[i][key]);
  const result = {
    bench: 'wordcount',
    program: name,
    millraceLinesPerSecond: median(ours.map((o) => o.perSecond)),
    byHandLinesPerSecond: median(theirs.map((o) => o.perSecond)),
    ratio: ratios('perSecond'),
    ratioPerCpuSecond: ratios('perCpuSecond'),
    rssMb: median(ours.map((o) => o.rssMb)),
  };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `${name}: Millrace ${figure(ours.map((o) => o.perSecond / 1e6))} M lines/s, by hand ${figure(theirs.map((o) => o.perSecond / 1e6))}`,
    );
    console.log(
      `  ratio ${figure(result.ratio)}; a CPU-second ${figure(result.ratioPerCpuSecond)}; resident ${result.rssMb.toFixed(0)} MB`,
    );
  }
}
