// What do the byte kernels gain over the byte loop that plain JavaScript can do?
//
//   node bench/kernel.mjs [--runs 11] [--mb 32] [--json]
//
// Text: Zipf, 50,000 words, lines of ten words (bench/_text.mjs), in blocks of 256 KiB of shared memory.
// A kernel's run has the check that the block is valid and the copy into private memory in it; every
// run is one batch, table cleared. The contenders take turns. MB/s are of CPU time of the whole
// process, which other programs on the machine disturb least; median and range.
// Bars: words twice the JavaScript loop; 50,000 keys out in 1 ms and into another table in 1.5 ms.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { decodeKeys } from '../dist/dstream/kernel/columns.js';
import { CountTable } from '../dist/dstream/kernel/count-table.js';
import { TextKernel } from '../dist/dstream/kernel/text-kernel.js';
import { ByteLoop } from './_byte-loop.mjs';
import { blocksOf, makeText } from './_text.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '11' },
    mb: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
});
const runs = Math.max(5, Number(flags.runs));

const text = makeText(Number(flags.mb) * 2 ** 20);
const shared = Buffer.from(new SharedArrayBuffer(text.length + 16));
shared.set(text);
const blocks = blocksOf(shared.subarray(0, text.length));

function kernel(tokens, transforms = [], aggregate = 'countByValue') {
  const it = new TextKernel({ tokens, transforms, aggregate });
  return () => {
    it.clear();
    let lines = 0;
    for (const block of blocks) {
      if (!it.usable(block)) throw new Error('the text is not usable');
      lines += it.block(block);
    }
    return [lines, it.size || it.count];
  };
}

function byteLoop() {
  const it = new ByteLoop();
  const view = new DataView(shared.buffer);
  return () => {
    it.clear();
    let lines = 0;
    for (const block of blocks) {
      lines += it.block(view, shared, block.byteOffset, block.byteOffset + block.length);
    }
    return [lines, it.size];
  };
}

function closures() {
  return () => {
    const counts = new Map();
    let lines = 0;
    for (const block of blocks) {
      const all = block.latin1Slice(0, block.length - 1).split('\n');
      lines += all.length;
      for (const line of all) {
        for (const word of line.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    return [lines, counts.size];
  };
}

const words = { op: 'words' };
const contenders = {
  'words, JavaScript strings': closures(),
  'words, JavaScript bytes': byteLoop(),
  'words, kernel': kernel(words),
  'split by space, kernel': kernel({ op: 'split', separator: ' ' }),
  'toLowerCase, words, kernel': kernel(words, [{ op: 'toLowerCase' }]),
  'grep, words, kernel': kernel(words, [{ op: 'grep', needle: 'nf' }]),
  'lines, kernel': kernel({ op: 'lines' }),
  'words, count, kernel': kernel(words, [], 'count'),
};

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

function stats(values) {
  values.sort((a, b) => a - b);
  return { median: values[values.length >> 1], min: values[0], max: values.at(-1) };
}

const results = {};
const rates = {};
let expected;
for (let run = -2; run < runs; run++) {
  for (const [name, once] of Object.entries(contenders)) {
    const from = cpu();
    const found = once();
    const rate = text.length / 1e3 / (cpu() - from);
    if (name.startsWith('words, ') && !name.includes('count')) {
      expected ??= found;
      if (String(found) !== String(expected)) throw new Error(`${name}: ${found}, not ${expected}`);
    }
    // The first two rounds are for the compilers.
    if (run >= 0) (rates[name] ??= []).push(rate);
  }
}
for (const [name, values] of Object.entries(rates))
  results[name] = { unit: 'MB/s', ...stats(values) };

const from = new TextKernel({ tokens: words, transforms: [], aggregate: 'countByValue' });
for (const block of blocks) from.block(block);
const times = {};
const timed = (name, act) => {
  const start = performance.now();
  const value = act();
  (times[name] ??= []).push(performance.now() - start);
  return value;
};
const into = new CountTable();
const keys = from.size;
for (let run = 0; run < runs * 4; run++) {
  const [columns] = timed(`${keys} keys out, 1 partition`, () => from.columns(1));
  const parts = timed(`${keys} keys out, 4 partitions`, () => from.columns(4));
  timed(`${keys} keys in, table cleared`, () => parts.forEach((part) => into.merge(part)));
  timed(`${keys} keys in, table full`, () => parts.forEach((part) => into.merge(part)));
  timed(`${keys} keys as strings`, () => decodeKeys(columns));
  timed(`clear after ${keys} keys`, () => into.clear());
}
for (const [name, values] of Object.entries(times))
  results[name] = { unit: 'ms', ...stats(values.slice(5)) };

const machine = { node: process.version, cpu: cpus()[0]?.model };
if (flags.json) {
  console.log(JSON.stringify({ bench: 'kernel', ...machine, runs, bytes: text.length, results }));
} else {
  console.log(`kernel, median of ${runs} (min to max), Node ${machine.node}, ${machine.cpu}`);
  for (const [name, { unit, median, min, max }] of Object.entries(results)) {
    const [m, low, high] = [median, min, max].map((value) => value.toFixed(unit === 'ms' ? 2 : 0));
    console.log(`${name.padEnd(32)}${m.padStart(7)} ${unit.padEnd(5)} (${low} to ${high})`);
  }
}
