// What does state by key cost?
//
//   node bench/state.mjs [--runs 5] [--secs 8] [--warm 4] [--only wordcount,keys,disk] [--disk-keys 5000000] [--json]
//
//   wordcount   running totals of 50,000 words over TCP on two worker threads, against the same word count without state:
//               declared and closures, updateStateByKey and mapWithState. The programs take turns, with a fresh server
//               each. Ratios are of neighbours in time; CPU-seconds are those of the counting process.
//   keys        the operators by themselves, in one thread and a process of their own, with 1,000,000 keys and 10,000
//               updates a batch: what a batch takes, output arrays included; what a hand-over takes and how large it
//               is; the first one, which has all keys; what the longest step of one takes (a slice of some keys, all put
//               together, its checksum, the write); what a recovery takes to read it all back; resident
//               memory a key, above the keys. Times are CPU time of the process (garbage collection in other threads
//               included), which other programs disturb least.
//   disk        the same in short for stateStore: 'disk', with `--disk-keys` keys (5,000,000) and a heap of 300 MB:
//               what it takes to come to so many, a batch of 10,000 updates, and to read it all back; the largest heap,
//               and anonymous memory beside what the system may take back.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figure, file, linesOf, machine, median, startServer } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    secs: { type: 'string', default: '8' },
    warm: { type: 'string', default: '4' },
    only: { type: 'string', default: 'wordcount,keys,disk' },
    'disk-keys': { type: 'string', default: '5000000' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});

// ── Word counts ─────────────────────────────────────────────────────────────────────────────────

const FAMILIES = {
  declared: ['declared', 'declaredUpdate', 'declaredMap'],
  closures: ['natural', 'naturalUpdate', 'naturalMap'],
};

async function timed(program) {
  const { warm, secs } = flags;
  const server = await startServer();
  const lines = await linesOf(
    [file('_millrace.mjs'), String(server.port), program, '2'],
    (Number(warm) + Number(secs)) * 1000,
  );
  server.stop();
  const steady = lines.filter(({ t }) => t >= lines[0].t + (Number(warm) - 1) * 1000);
  const [first, last] = [steady[0], steady.at(-1)];
  const counted = last.lines - first.lines;
  return {
    perSecond: counted / ((last.t - first.t) / 1000),
    perCpuSecond: counted / (last.cpu - first.cpu),
  };
}

async function wordcounts() {
  for (const [family, programs] of Object.entries(FAMILIES)) {
    const results = new Map(programs.map((program) => [program, []]));
    for (let run = 0; run < Number(flags.runs); run++) {
      // Who goes first changes, as the machine warms up or slows down.
      const order = run % 2 === 0 ? programs : programs.toReversed();
      for (const program of order) results.get(program).push(await timed(program));
    }
    const [plain, ...stateful] = programs;
    const without = results.get(plain);
    for (const program of stateful) {
      const mine = results.get(program);
      const ratios = (key) => mine.map((one, i) => one[key] / without[i][key]);
      const result = {
        bench: 'state',
        program,
        linesPerSecond: median(mine.map((one) => one.perSecond)),
        withoutState: median(without.map((one) => one.perSecond)),
        ratio: ratios('perSecond'),
        ratioPerCpuSecond: ratios('perCpuSecond'),
      };
      if (flags.json) console.log(JSON.stringify(result));
      else
        console.log(
          `${family}, ${program.endsWith('Map') ? 'mapWithState' : 'updateStateByKey'}: ` +
            `${(result.linesPerSecond / 1e6).toFixed(2)} M lines/s, without state ${(result.withoutState / 1e6).toFixed(2)}; ` +
            `ratio ${figure(result.ratio)}, a CPU-second ${figure(result.ratioPerCpuSecond)}`,
        );
    }
  }
}

// ── A million keys ──────────────────────────────────────────────────────────────────────────────

const KEYS = 1_000_000;
const UPDATES = 10_000;
const BATCHES = 25;

const sum = (values, total = 0) => {
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};
const add = (key, value, state) => {
  if (state.isTimingOut()) return undefined;
  const total = (state.getOption() ?? 0) + value;
  state.update(total);
  return [key, total];
};
const visits = (values, state = { count: 0, last: 0 }) =>
  values.length === 0 ? state : { count: state.count + values.length, last: values[0] };

/** kind of node, its function, its parameters, and the keys. */
const CONTENDERS = {
  'updateStateByKey, numbers': ['updateStateByKey', sum, {}, 'short'],
  'updateStateByKey, numbers, keys of 26 characters': ['updateStateByKey', sum, {}, 'long'],
  'updateStateByKey, objects': ['updateStateByKey', visits, {}, 'short'],
  'updateStateByKey, objects, immutable': [
    'updateStateByKey',
    visits,
    { immutable: true },
    'short',
  ],
  'mapWithState, numbers': ['mapWithState', add, {}, 'short'],
  'mapWithState, numbers, timeout': ['mapWithState', add, { timeoutMs: 600_000 }, 'short'],
};

const keyOf = {
  short: (n) => `u${n}`,
  long: (n) => `user-of-the-site/${String(n).padStart(9, '0')}`,
};

/** One contender, in this process. */
async function keys(name) {
  const { createOperator } = await import('../dist/dstream/run/operators.js');
  const { TaskState } = await import('../dist/dstream/state/task-state.js');
  const { sealed } = await import('../dist/actors/hand-over-file.js');
  const [kind, f, params, form] = CONTENDERS[name];
  const create = () =>
    createOperator({
      node: { id: 1, uid: 'bench', kind, role: 'wide', parents: [0], functions: { f }, params },
      partition: 0,
      partitions: 1,
      slideMs: 1000,
      parentSlideMs: 1000,
      blame: (error) => {
        throw error;
      },
    });
  const operator = create();
  const state = new TaskState(operator.cells);
  const all = Array.from({ length: KEYS }, (_, n) => keyOf[form](n));
  const end = (batch) =>
    operator.end({ time: batch * 1000, zeroTime: 0, missing: [], watermark: -Infinity });
  const resident = () => {
    gc();
    gc();
    return process.memoryUsage().rss;
  };
  const before = resident();
  const ms = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let from = ms();
  for (let at = 0; at < KEYS; at += 50_000)
    operator.pairs(0, all.slice(at, at + 50_000), Array(50_000).fill(1));
  end(1);
  const firstBatchMs = ms() - from;
  // As the task's runner does it: slices, and what is left.
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  let parts = [];
  const handOver = () => {
    let longestMs = 0;
    const started = ms();
    const step = (act) => {
      const began = ms();
      const given = act();
      longestMs = Math.max(longestMs, ms() - began);
      return given;
    };
    while (!step(() => state.prepare()));
    const { drop = 0, bytes } = step(() => state.handOver(undefined));
    parts = [...parts.slice(drop), bytes];
    const whole = step(() => sealed(bytes));
    step(() => writeFileSync(join(directory, 'part'), whole));
    return { ms: ms() - started, longestMs, bytes: bytes.length };
  };
  const firstHandOver = handOver();
  const bytesPerKey = (resident() - before) / KEYS;
  const batches = [];
  const handOvers = [];
  let at = 1;
  for (let batch = 2; batch < 2 + BATCHES; batch++) {
    const some = Array.from(
      { length: UPDATES },
      () => all[(at = (at * 48_271) % 2_147_483_647) % KEYS],
    );
    from = ms();
    operator.pairs(0, some, Array(UPDATES).fill(1));
    end(batch);
    batches.push(ms() - from);
    handOvers.push(handOver());
  }
  rmSync(directory, { recursive: true });
  const restoredFrom = ms();
  new TaskState(create().cells).restore(parts);
  return {
    name,
    bytesPerKey,
    firstBatchMs,
    firstHandOver,
    batches,
    handOvers,
    restoreMs: ms() - restoredFrom,
  };
}

function millionKeys() {
  for (const name of Object.keys(CONTENDERS)) {
    const args = ['--expose-gc', file('state.mjs'), '--child', name];
    const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
    if (flags.json) {
      console.log(JSON.stringify({ bench: 'state', ...result }));
      continue;
    }
    const { bytesPerKey, firstBatchMs, firstHandOver, batches, handOvers, restoreMs } = result;
    const mb = (bytes) => (bytes / 1e6).toFixed(1);
    console.log(
      `${name}: a batch ${figure(batches, 1)} ms; hand-over ${figure(
        handOvers.map((h) => h.ms),
        1,
      )} ms, ` +
        `${mb(median(handOvers.map((h) => h.bytes)))} MB; ${bytesPerKey.toFixed(0)} bytes a key above the key\n` +
        `    the first batch, of all keys: ${firstBatchMs.toFixed(0)} ms; its hand-over ${firstHandOver.ms.toFixed(0)} ms, ` +
        `${mb(firstHandOver.bytes)} MB; longest step of a hand-over ${Math.max(...[firstHandOver, ...handOvers].map((h) => h.longestMs)).toFixed(0)} ms; ` +
        `read back in ${restoreMs.toFixed(0)} ms`,
    );
  }
}

// ── More keys than fit ──────────────────────────────────────────────────────────────────────────

/** `mapWithState` on disk, in this process; hand-overs lie in files, as they do. */
async function disk(count) {
  const { createOperator } = await import('../dist/dstream/run/operators.js');
  const { TaskState } = await import('../dist/dstream/state/task-state.js');
  const { sealed, unsealed } = await import('../dist/actors/hand-over-file.js');
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const total = (key, value, state) => void state.update((state.getOption() ?? 0) + value);
  const create = (life) =>
    createOperator({
      node: {
        id: 1,
        uid: 'bench',
        kind: 'mapWithState',
        role: 'wide',
        parents: [0],
        functions: { f: total },
        params: {},
      },
      partition: 0,
      partitions: 1,
      slideMs: 1000,
      parentSlideMs: 1000,
      store: { stateStore: 'disk', stateDirectory: directory, life },
      blame: (error) => {
        throw error;
      },
    });
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const anonymousMb = () =>
    Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  const operator = create('first');
  const state = new TaskState(operator.cells);
  let [heap, anonymous, longestMs, batch, file] = [0, 0, 0, 0, 0];
  let parts = [];
  const work = (ids) => {
    operator.pairs(0, ids.map(keyOf.long), Array(ids.length).fill(1));
    operator.end({ time: ++batch * 1000, zeroTime: 0, missing: [], watermark: -Infinity });
  };
  const handOver = () => {
    for (let done = false; !done;) {
      const began = cpu();
      done = state.prepare();
      longestMs = Math.max(longestMs, cpu() - began);
    }
    const began = cpu();
    const { drop = 0, bytes } = state.handOver(undefined);
    const path = join(directory, `part-${file++}`);
    writeFileSync(path, sealed(bytes));
    longestMs = Math.max(longestMs, cpu() - began);
    for (const old of parts.slice(0, drop)) rmSync(old);
    parts = [...parts.slice(drop), path];
    heap = Math.max(heap, process.memoryUsage().heapUsed);
    anonymous = Math.max(anonymous, anonymousMb());
  };
  let from = cpu();
  for (let at = 0; at < count; at += 50_000) {
    work(Array.from({ length: Math.min(50_000, count - at) }, (_, i) => at + i));
    handOver();
  }
  const loadMs = cpu() - from;
  const batches = [];
  let at = 1;
  for (let n = 0; n < BATCHES; n++) {
    const some = Array.from(
      { length: UPDATES },
      () => (at = (at * 48_271) % 2_147_483_647) % count,
    );
    from = cpu();
    work(some);
    batches.push(cpu() - from);
    handOver();
  }
  operator.close();
  from = cpu();
  const restored = create('second');
  new TaskState(restored.cells).restore(parts.map((path) => unsealed(readFileSync(path), path)));
  const restoreMs = cpu() - from;
  if (restored.query(keyOf.long(count - 1)) === undefined) throw new Error('a key is gone');
  restored.close();
  rmSync(directory, { recursive: true, force: true });
  return {
    keys: count,
    loadMs,
    batches,
    restoreMs,
    longestMs,
    heapMb: heap / 1e6,
    anonymousMb: anonymous,
  };
}

function manyKeys() {
  const args = [
    '--max-old-space-size=300',
    file('state.mjs'),
    '--child',
    `disk ${flags['disk-keys']}`,
  ];
  const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  if (flags.json) console.log(JSON.stringify({ bench: 'state', name: 'disk', ...result }));
  else
    console.log(
      `mapWithState on disk, ${result.keys.toLocaleString('en')} keys: all of them came in ${(result.loadMs / 1000).toFixed(1)} s; ` +
        `a batch ${figure(result.batches, 0)} ms; read back in ${(result.restoreMs / 1000).toFixed(1)} s; ` +
        `longest step of a hand-over ${result.longestMs.toFixed(0)} ms; heap ${result.heapMb.toFixed(0)} MB at most, ` +
        `anonymous memory ${result.anonymousMb.toFixed(0)} MB`,
    );
}

if (flags.child?.startsWith('disk '))
  console.log(JSON.stringify(await disk(Number(flags.child.slice('disk '.length)))));
else if (flags.child !== undefined) console.log(JSON.stringify(await keys(flags.child)));
else {
  const only = flags.only.split(',');
  if (!flags.json) console.log(`# ${machine()}, ${flags.runs} runs of ${flags.secs} s`);
  if (only.includes('wordcount')) await wordcounts();
  if (only.includes('keys')) millionKeys();
  if (only.includes('disk')) manyKeys();
}
