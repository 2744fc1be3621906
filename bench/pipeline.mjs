// What does the compiled loop of a task cost, against the loop that a programmer writes by hand?
//
//   node bench/pipeline.mjs [--runs 9] [--only NAME] [--json]
//
// The body of a source task gets blocks as it does from an edge; what it emits is dropped. So this is
// the work of one thread, without rings, barriers' alignment or other threads. Each contender runs in
// a process of its own, and they take turns. Figures are records for each second of CPU time (garbage
// collection in other threads included), which other programs on the machine disturb least: median and range.
//
//   numbers     five map and filter over integers, then a sum; blocks of 64 k records
//   wordcount   flatMap(split(' ')), map(word => [word, 1]), reduceByKey over Zipf text; blocks of
//               256 KiB, a batch each 16 MiB
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { blocksOf, makeText } from './_text.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '9' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});

const SECONDS = 1;

// ── Contenders: each gives a function that does one round and says how many records that were. ──

const numbersBlocks = () =>
  Array.from({ length: 16 }, (_, b) => Array.from({ length: 65_536 }, (_, i) => b * 65_536 + i));

function numbersByHand() {
  const blocks = numbersBlocks();
  const block = (rows, before) => {
    let total = before;
    for (let i = 0; i < rows.length; i++) {
      const a = rows[i] + 1;
      if ((a & 1) === 0) {
        const b = a * 3;
        if (b % 5 !== 0) total = (total + (b - 7)) | 0;
      }
    }
    return total;
  };
  return () => {
    let total = 0;
    for (const rows of blocks) total = block(rows, total);
    numbersByHand.total = total;
    return blocks.length * 65_536;
  };
}

/** A body of the first task of a job, and what it emits goes nowhere. */
async function sourceBody(build, options = {}) {
  const { ContextBuilder } = await import('../dist/dstream/context-builder.js');
  const { plan } = await import('../dist/plan/planner.js');
  const { createBody } = await import('../dist/dstream/run/create-body.js');
  const ssc = new ContextBuilder();
  build(ssc);
  const planned = plan(ssc.freeze(), { workers: 1, parallelism: 2, sourcePartitions: 1 });
  return createBody(planned, 0, { emit() {}, absent() {}, report() {} }, options);
}

const endOfBatch = { number: 1, batch: true, point: false, last: false, time: 0, zeroTime: 0 };

const numbersOf = (form) => async () => {
  const body = await sourceBody(
    (ssc) =>
      ssc
        .inputStream('in')
        .map((n) => n + 1)
        .filter((n) => (n & 1) === 0)
        .map((n) => n * 3)
        .filter((n) => n % 5 !== 0)
        .map((n) => n - 7)
        .reduce((a, b) => (a + b) | 0)
        .print(),
    { form },
  );
  const blocks = numbersBlocks().map((rows) => ({ kind: 'rows', port: 0, rows }));
  return () => {
    for (const block of blocks) body.block(block, 0);
    body.barrier(endOfBatch, []);
    return blocks.length * 65_536;
  };
};

const textBlocks = () => blocksOf(makeText(16 * 1024 * 1024));

function wordcountByHand() {
  const blocks = textBlocks();
  let counts = new Map();
  let lines = 0;
  const text = (s) => {
    const all = s.split('\n');
    all.pop();
    for (const line of all)
      for (const word of line.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
    lines += all.length;
  };
  return () => {
    lines = 0;
    for (const block of blocks) text(block.latin1Slice());
    counts = new Map();
    return lines;
  };
}

const wordcountOf = (build, options) => async () => {
  const body = await sourceBody(
    (ssc) => build(ssc.socketTextStream('localhost', 1)).print(),
    options,
  );
  const blocks = textBlocks().map((bytes) => ({ kind: 'text', port: 0, bytes }));
  return () => {
    for (const block of blocks) body.block(block, 0);
    body.barrier(endOfBatch, []);
    return body.takeRecordCount();
  };
};

const splitWords = (lines) => lines.flatMap((line) => line.split(' '));

const CONTENDERS = {
  'numbers, by hand': numbersByHand,
  'numbers, compiled': numbersOf('compiled'),
  'numbers, closures': numbersOf('closures'),
  'wordcount, by hand': wordcountByHand,
  'wordcount, compiled': wordcountOf((lines) =>
    splitWords(lines)
      .map((word) => [word, 1])
      .reduceByKey((a, b) => a + b),
  ),
  'wordcount, closures': wordcountOf(
    (lines) =>
      splitWords(lines)
        .map((word) => [word, 1])
        .reduceByKey((a, b) => a + b),
    { form: 'closures' },
  ),
  'wordcount, compiled, countByValue': wordcountOf((lines) => splitWords(lines).countByValue()),
  'wordcount, declared, closures': wordcountOf((lines) => lines.words().countByValue(), {
    kernels: false,
  }),
  'wordcount, declared, kernel': wordcountOf((lines) => lines.words().countByValue()),
};

function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], min: sorted[0], max: sorted.at(-1) };
}

if (flags.child !== undefined) {
  const round = await CONTENDERS[flags.child]();
  for (let i = 0; i < 2; i++) round();
  const start = process.cpuUsage();
  const used = () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
  let records = 0;
  while (used() < SECONDS) records += round();
  console.log(records / used());
} else {
  const names = Object.keys(CONTENDERS).filter(
    (name) => flags.only === undefined || name.includes(flags.only),
  );
  const rates = new Map(names.map((name) => [name, []]));
  const self = fileURLToPath(import.meta.url);
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const name of names)
      rates
        .get(name)
        .push(
          Number(execFileSync(process.execPath, [self, '--child', name], { encoding: 'utf8' })),
        );
  }
  const results = names.map((name) => {
    const mine = rates.get(name);
    const hand = rates.get(`${name.split(',')[0]}, by hand`);
    // Pairs of neighbours in time, so that what slows the machine slows both.
    const ratios =
      hand === undefined ? undefined : spread(mine.map((rate, run) => rate / hand[run]));
    return { name, ...spread(mine), ...(ratios === undefined ? {} : { ofHand: ratios }) };
  });
  if (flags.json)
    console.log(
      JSON.stringify({
        node: process.version,
        cpu: cpus()[0].model,
        runs: Number(flags.runs),
        results,
      }),
    );
  else {
    console.log(
      `${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${flags.runs} runs; M records per CPU-second`,
    );
    for (const { name, median, min, max, ofHand } of results) {
      const m = (x) => (x / 1e6).toFixed(x < 1e7 ? 3 : 1);
      console.log(
        `${name.padEnd(34)} ${m(median).padStart(8)}  (${m(min)} – ${m(max)})${ofHand === undefined ? '' : `  ${ofHand.median.toFixed(2)} of by hand (${ofHand.min.toFixed(2)} – ${ofHand.max.toFixed(2)})`}`,
      );
    }
  }
}
