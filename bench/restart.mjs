// How long after `kill -9` does the next start give out its first result?
//
//   node bench/restart.mjs [--kills 8] [--keys 50000,1000000] [--dir DIR] [--json]
//
// Running totals by key (mapWithState) of a socket with `hello`, two worker threads, batches of 250 ms, 10,000 records a
// second, a checkpoint each second. When all keys are in a checkpoint and some batches have passed the process is killed,
// and another one is started at once. Measured from the kill until a function of the job is called with a batch of records:
// Node's own start, the manifest, the state and what came behind the checkpoint included.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { figure, file, machine, sleep, startKeyServer, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '8' },
    keys: { type: 'string', default: '50000,1000000' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const BARS = { 50000: 1000, 1000000: 4000 };
const nowMs = () => performance.timeOrigin + performance.now();

/** A life of the process; `until` gives the first line that is wanted. */
function start(argument) {
  const child = spawn(process.execPath, [file('_keys.mjs'), JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const words = [];
  const looks = new Set();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.endsWith('}')) return;
    words.push(JSON.parse(line));
    for (const look of looks) look();
  });
  const until = (condition) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = condition(words);
        if (found !== undefined && found !== false) resolve(found);
      };
      looks.add(look);
      child.once('exit', (code) => reject(new Error(`the job ended with ${code}`)));
      look();
    });
  return { child, words, until };
}

async function measure(keys) {
  const root = mkdtempSync(join(flags.dir, 'bench-restart-'));
  const server = await startKeyServer('--keys', keys);
  try {
    const argument = { program: 'quick', port: server.port, checkpointDir: root };
    let life = start(argument);
    const times = [];
    const cpu = [];
    await life.until((words) => words.reduce((sum, { records = 0 }) => sum + records, 0) >= keys);
    for (let n = 0; n < Number(flags.kills); n++) {
      const from = life.words.filter(({ checkpoint }) => checkpoint !== undefined).length;
      await life.until(
        (words) => words.filter(({ checkpoint }) => checkpoint !== undefined).length >= from + 2,
      );
      await sleep(Math.random() * 1000);
      life.child.removeAllListeners('exit');
      const killedAt = nowMs();
      life.child.kill('SIGKILL');
      await once(life.child, 'exit');
      life = start(argument);
      const first = await life.until((words) => words.find(({ batch }) => batch !== undefined));
      times.push(first.at - killedAt);
      cpu.push(first.cpuMs);
    }
    life.child.removeAllListeners('exit');
    life.child.kill('SIGKILL');
    return { times, cpu };
  } finally {
    server.stop();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

if (!flags.json) console.log(`# ${machine()}, ${flags.kills} kills a line`);
let missed = 0;
for (const keys of flags.keys.split(',').map(Number)) {
  const { times, cpu } = await measure(keys);
  const bar = BARS[keys];
  const holds = bar === undefined || Math.max(...times) <= bar;
  if (!holds) missed++;
  if (flags.json) console.log(JSON.stringify({ bench: 'restart', keys, times, cpu }));
  else
    console.log(
      `${keys} keys: first result ${figure(times, 0)} ms after the kill, for which it used ${figure(cpu, 0)} ms of CPU` +
        (bar === undefined ? '' : `; ${verdict(`≤ ${bar} ms`, holds)}`),
    );
}
process.exit(missed === 0 ? 0 : 1);
