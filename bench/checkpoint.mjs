// What does a checkpoint each second cost, with a million keys of which 10,000 change a batch?
//
//   node bench/checkpoint.mjs [--pairs 20] [--secs 3] [--keys 1000000] [--changed 10000] [--repeat 10] [--dir DIR] [--json]
//
// Running totals by key (mapWithState) on two worker threads, batches of 1 s. Two processes with all keys in their state
// stand side by side, one with `checkpointDir` and one without; records are given to the one, then to the other, `--secs` each
// in a pair, and the CPU time of whoever works is taken. A batch has `--changed` keys, each `--repeat` times. The source is a
// socket with `hello`: its log has cuts and no records (bench/wal.mjs has those).
//
//   cost     CPU-seconds a million records, with checkpoints and without: the ratio of each pair
//   pause    the longest time within one step of a worker that went into a hand-over: a slice of it, or the rest with the write
//            of the file. A process of its own: while it gets all keys as fast as it takes them and hands them over first, and
//            afterwards with `--changed` keys a batch
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  figure,
  file,
  judged,
  machine,
  medianInterval,
  quantile,
  sleep,
  startKeyServer,
  verdict,
} from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '20' },
    secs: { type: 'string', default: '3' },
    keys: { type: 'string', default: '1000000' },
    changed: { type: 'string', default: '10000' },
    repeat: { type: 'string', default: '10' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const KEYS = Number(flags.keys);
const RATE = Number(flags.changed) * Number(flags.repeat);
const SETTLE_MS = 3000;
const root = mkdtempSync(join(flags.dir, 'bench-checkpoint-'));

/** A job with its server: `ask()` gives what it used, `rate(n)` sets how much it gets. */
async function contender(name, isDurable, watch) {
  const server = await startKeyServer('--keys', KEYS, '--rate', 0, '--repeat', flags.repeat);
  const argument = {
    program: 'second',
    port: server.port,
    watch,
    ...(isDurable ? { checkpointDir: join(root, name) } : {}),
  };
  const child = spawn(process.execPath, [file('_keys.mjs'), JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const words = [];
  const looks = new Set();
  createInterface({ input: child.stdout }).on('line', (line) => {
    words.push(JSON.parse(line));
    for (const look of looks) look();
  });
  const until = (condition) =>
    new Promise((resolve) => {
      const look = () => {
        const found = condition();
        if (found === undefined || found === false) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      look();
    });
  const records = () => words.reduce((sum, word) => sum + (word.records ?? 0), 0);
  return {
    words,
    until,
    records,
    rate: server.rate,
    ask: async () => {
      const from = words.length;
      child.stdin.write('\n');
      return until(() => words.slice(from).find((word) => word.cpu !== undefined));
    },
    stop: () => {
      child.kill('SIGKILL');
      server.stop();
    },
  };
}

async function costs() {
  const sides = {
    with: await contender('cost', true, false),
    without: await contender('none', false, false),
  };
  const used = { with: [], without: [] };
  try {
    for (const side of Object.values(sides)) await side.until(() => side.records() >= KEYS);
    await sleep(SETTLE_MS);
    // The first pair warms up.
    for (let n = -1; n < Number(flags.pairs); n++) {
      // Who goes first alternates: what drifts hits both alike.
      for (const name of n % 2 === 0 ? ['with', 'without'] : ['without', 'with']) {
        const side = sides[name];
        const before = await side.ask();
        const had = side.records();
        side.rate(RATE);
        await sleep(Number(flags.secs) * 1000);
        side.rate(0);
        // The rest of the last batch, and its checkpoint.
        await sleep(1500);
        const after = await side.ask();
        if (n >= 0) used[name].push(((after.cpu - before.cpu) / (side.records() - had)) * 1e6);
      }
    }
  } finally {
    for (const side of Object.values(sides)) side.stop();
  }
  const percent = used.with.map((each, n) => (each / used.without[n] - 1) * 100);
  const checkpoints = sides.with.words.filter((word) => word.checkpoint !== undefined);
  return { used, percent, checkpoints };
}

/** The longest pauses of a worker while all keys come and are handed over, and afterwards. */
async function pauses() {
  const one = await contender('pause', true, true);
  try {
    await one.until(() => one.records() >= KEYS);
    one.rate(RATE);
    await sleep(SETTLE_MS);
    const first = await one.ask();
    await sleep(8000);
    return { first: first.pauses, later: (await one.ask()).pauses };
  } finally {
    one.stop();
  }
}

try {
  if (!flags.json) console.log(`# ${machine()}, ${KEYS} keys, ${RATE} records a batch of 1 s`);
  const { first, later } = await pauses();
  const { used, percent, checkpoints } = await costs();
  const isCheap = medianInterval(percent)[1] <= 10;
  const isSmooth = Math.max(first.handOverMs, later.handOverMs) <= 100;
  if (flags.json)
    console.log(
      JSON.stringify({ bench: 'checkpoint', pauses: { first, later }, ...used, checkpoints }),
    );
  else {
    console.log(
      `cost     ${judged(percent, 1)} % more CPU (${figure(used.with, 2)} against ${figure(used.without, 2)} s a million records); ` +
        verdict('the interval lies below 10 %', isCheap),
    );
    console.log(
      `         ${checkpoints.length} checkpoints, durable ${quantile(
        checkpoints.map(({ tookMs }) => tookMs),
        0.5,
      ).toFixed(
        0,
      )} ms after they were held, at most ${Math.max(...checkpoints.map(({ tookMs }) => tookMs)).toFixed(0)}`,
    );
    console.log(
      `pause    by hand-overs, at most ${first.handOverMs.toFixed(0)} ms with the first ones and ${later.handOverMs.toFixed(0)} afterwards ` +
        `(longest steps of any kind ${first.stepMs.toFixed(0)} and ${later.stepMs.toFixed(0)}); ` +
        verdict('≤ 100 ms', isSmooth),
    );
  }
  process.exitCode = isCheap && isSmooth ? 0 : 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
