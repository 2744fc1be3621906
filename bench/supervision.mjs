// What do supervision and heartbeats cost at full load?
//
//   node bench/supervision.mjs [--pairs 20] [--secs 8] [--program declared,natural,topology] [--json]
//
// CPU-seconds a million records of the whole process, with them and without, in turn. Without: a copy of dist in which
// threads write no vital signs, nobody watches them, nobody sends heartbeats, and no record is noted as in hand. The copy
// is made here, in a temporary directory; there is no such switch in the product.
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  figure,
  file,
  judged,
  linesOf,
  machine,
  medianInterval,
  startServer,
  verdict,
} from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '20' },
    secs: { type: 'string', default: '8' },
    program: { type: 'string', default: 'declared,natural,topology' },
    json: { type: 'boolean', default: false },
  },
});
/** Lines that are left out: the programs warm up. */
const WARM_LINES = 3;

/** What each file of the copy gets at its end. */
const WITHOUT = {
  'actors/vitals.js': `
for (const name of ['state', 'progress', 'running', 'idle'])
  if (typeof VitalsWriter.prototype[name] === 'function') VitalsWriter.prototype[name] = () => {};
  else throw new Error('bench/supervision.mjs: VitalsWriter has no ' + name);
`,
  'actors/in-hand.js': `
for (const name of ['holdLine', 'holdRow', 'release'])
  if (typeof InHand.prototype[name] === 'function') InHand.prototype[name] = () => '';
  else throw new Error('bench/supervision.mjs: InHand has no ' + name);
`,
  'supervision/watchdog.js': 'Watchdog.prototype.watch = () => {};\n',
  'run/heartbeat.js': 'watchHeartbeat = () => () => {};\n',
};

const root = mkdtempSync(join(tmpdir(), 'bench-supervision-'));
try {
  cpSync(file('../dist'), join(root, 'dist'), { recursive: true });
  cpSync(file('.'), join(root, 'bench'), { recursive: true });
  cpSync(file('../package.json'), join(root, 'package.json'));
  symlinkSync(file('../node_modules'), join(root, 'node_modules'));
  for (const [name, text] of Object.entries(WITHOUT))
    appendFileSync(join(root, 'dist', name), text);
  if (!flags.json) console.log(`# ${machine()}`);
  let missed = 0;
  for (const program of flags.program.split(',')) missed += (await measure(program)) ? 0 : 1;
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}

async function measure(program) {
  const server = program === 'topology' ? undefined : await startServer();
  const args =
    server === undefined
      ? ['_topology.mjs', 'throughput', 2]
      : ['_millrace.mjs', server.port, program, 2];
  const secondsPerMillion = async (directory) => {
    const [name, ...rest] = args;
    const lines = (await linesOf([join(directory, name), ...rest], Number(flags.secs) * 1000))
      .filter(({ cpu }) => cpu !== undefined)
      .slice(WARM_LINES);
    if (lines.length < 2) throw new Error(`${flags.secs} s are too few: raise --secs`);
    const [first, last] = [lines[0], lines.at(-1)];
    const records = (line) => line.lines ?? line.records;
    return ((last.cpu - first.cpu) / (records(last) - records(first))) * 1e6;
  };
  const sides = { with: [], without: [] };
  for (let n = 0; n < Number(flags.pairs); n++) {
    // Who goes first alternates: what drifts hits both alike.
    const order = n % 2 === 0 ? ['with', 'without'] : ['without', 'with'];
    for (const side of order)
      sides[side].push(await secondsPerMillion(side === 'with' ? file('.') : join(root, 'bench')));
  }
  server?.stop();
  const percent = sides.with.map((each, n) => (each / sides.without[n] - 1) * 100);
  const holds = medianInterval(percent)[1] <= 3;
  if (flags.json) console.log(JSON.stringify({ bench: 'supervision', program, ...sides }));
  else {
    console.log(
      `${program.padEnd(9)} ${judged(percent, 1)} % more CPU with supervision (${figure(sides.with, 3)} against ${figure(sides.without, 3)} s a million); ${verdict('the interval lies below 3 %', holds)}`,
    );
  }
  return holds;
}
