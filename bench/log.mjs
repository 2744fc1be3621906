// What does the log of a source cost beside writing its bytes and nothing else?
//
//   node bench/log.mjs [--runs 5] [--secs 2] [--dir DIR] [--json]
//
// stream   blocks of 64 KiB as fast as the log has room, a cut each 100 ms that is waited for
// acks     256 senders, each of whom waits until its record of 200 bytes is durable before it sends the next
//
// Against a plain loop on the same disk, in turn: `writev` of head and bytes, one `fdatasync` at a time, as often as the log
// has one; no checksum, no copy, no second file. A ratio is of one pair. The disk decides, so the ratio is the figure.
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { realEnv } from '../dist/env/real.js';
import { openSourceLog } from '../dist/log/source-log.js';
import { figure, machine } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    secs: { type: 'string', default: '2' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const MS = Number(flags.secs) * 1000;
const MIB = 2 ** 20;
const root = mkdtempSync(join(flags.dir, 'bench-log-'));
const env = realEnv();
let files = 0;

/** Counts what the log asks of the disk. */
function countedLog() {
  const counts = { syncs: 0 };
  let wake = () => {};
  const disk = {
    ...env.disk,
    open(path) {
      const file = env.disk.open(path);
      const sync = file.sync.bind(file);
      if (path.includes('segment-')) file.sync = () => (counts.syncs++, sync());
      return file;
    },
  };
  const log = openSourceLog({
    disk,
    clock: env.clock,
    directory: join(root, `log-${files++}`, 'a', 'b'),
    start: 0,
    onTrouble: (error) => {
      throw error;
    },
    onRoom: () => wake(),
  });
  return { log, counts, room: () => new Promise((resolve) => (wake = resolve)) };
}

/** The same, by hand: at most 64 MiB wait for the disk. */
function plainFile() {
  const fd = openSync(join(root, `plain-${files++}`), 'w');
  const head = Buffer.alloc(44);
  const counts = { syncs: 0 };
  let written = 0;
  let synced = 0;
  let running;
  const sync = () =>
    (running ??= new Promise((resolve, reject) => {
      const upTo = written;
      counts.syncs++;
      fdatasync(fd, (error) => {
        running = undefined;
        synced = upTo;
        if (error === null) resolve();
        else reject(error);
      });
    }));
  return {
    counts,
    append(bytes) {
      written += writevSync(fd, [head, bytes]);
      if (written - synced >= 8 * MIB) void sync();
      return written;
    },
    hasRoom: () => written - synced < 64 * MIB,
    sync,
    async durable(upTo) {
      while (synced < upTo) await sync();
    },
    close: () => closeSync(fd),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const block = { kind: 'block', edge: 0, form: 'text', count: 0, position: 0 };
const cut = (number) => ({
  kind: 'cut',
  barrier: { number, batch: true, point: true, last: false, time: number, zeroTime: 0 },
  absent: false,
});

const QUESTIONS = {
  async stream(isPlain) {
    const bytes = Buffer.alloc(64 * 1024, 'words of a text ');
    let total = 0;
    let number = 0;
    const from = performance.now();
    let cutMs = from + 100;
    const { log, counts, room } = isPlain ? {} : countedLog();
    const plain = isPlain ? plainFile() : undefined;
    while (performance.now() - from < MS) {
      for (let n = 0; n < 16; n++) {
        if (isPlain) {
          if (!plain.hasRoom()) await plain.sync();
          plain.append(bytes);
        } else {
          if (!log.hasRoom) await room();
          log.append({ ...block, bytes });
        }
        total += bytes.length;
      }
      if (performance.now() > cutMs) {
        cutMs += 100;
        if (isPlain) await plain.durable(plain.append(bytes.subarray(0, 40)));
        else {
          await log.synced(log.append(cut(++number)));
          log.trim(number - 5);
        }
      } else await turn();
    }
    const seconds = (performance.now() - from) / 1000;
    (plain ?? log).close();
    return { rate: total / 1e6 / seconds, syncs: (plain ?? { counts }).counts.syncs / seconds };
  },
  async acks(isPlain) {
    const bytes = Buffer.alloc(200, 'a record');
    let total = 0;
    const from = performance.now();
    const { log, counts } = isPlain ? {} : countedLog();
    const plain = isPlain ? plainFile() : undefined;
    await Promise.all(
      Array.from({ length: 256 }, async () => {
        while (performance.now() - from < MS) {
          if (isPlain) await plain.durable(plain.append(bytes));
          else await log.synced(log.append({ ...block, bytes }));
          total++;
        }
      }),
    );
    const seconds = (performance.now() - from) / 1000;
    (plain ?? log).close();
    return { rate: total / seconds, syncs: (plain ?? { counts }).counts.syncs / seconds };
  },
};

const results = [];
try {
  for (const [name, ask] of Object.entries(QUESTIONS)) {
    const runs = [];
    for (let run = 0; run < Number(flags.runs); run++) {
      // In turn, and each first as often as the other.
      const [first, second] = [await ask(run % 2 === 0), await ask(run % 2 === 1)];
      runs.push(run % 2 === 0 ? { plain: first, log: second } : { plain: second, log: first });
      for (let n = files; n > 0; n--)
        rmSync(join(root, `log-${n - 1}`), { recursive: true, force: true });
    }
    const of = (pick) => runs.map(pick);
    results.push({
      name,
      unit: name === 'stream' ? 'MB/s' : 'records/s',
      log: of(({ log }) => log.rate),
      plain: of(({ plain }) => plain.rate),
      ratio: of(({ log, plain }) => log.rate / plain.rate),
      logSyncs: of(({ log }) => log.syncs),
      plainSyncs: of(({ plain }) => plain.syncs),
    });
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
if (flags.json) console.log(JSON.stringify({ bench: 'log', machine: machine(), results }));
else {
  console.log(`${machine()}, ${flags.runs} runs of ${flags.secs} s, medians`);
  for (const { name, unit, log, plain, ratio, logSyncs, plainSyncs } of results)
    console.log(
      `${name.padEnd(8)} log ${figure(log, 0)} ${unit}, ${figure(logSyncs, 0)} fsyncs/s · ` +
        `plain ${figure(plain, 0)} ${unit}, ${figure(plainSyncs, 0)} fsyncs/s · ratio ${figure(ratio)}`,
    );
}
