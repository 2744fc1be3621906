// What does the write-ahead log cost?
//
//   node bench/wal.mjs [--pairs 5] [--secs 6] [--warm 4] [--only declared,natural] [--dir DIR] [--json]
//
// Word count over TCP as fast as it goes, from a socket that can't be rewound, so that every block is in the log before a
// worker sees it and is synced with its group; a checkpoint each second. The same without `checkpointDir`, in turn, a process
// and a server each. A ratio is of one pair.
//
//   disk     what the disk under DIR takes of a program that does nothing else: pieces of 256 KiB, synced every 10 ms. No
//            log can be faster than that
import { mkdtempSync, openSync, writeSync, fdatasyncSync, closeSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figure, file, linesOf, machine, median, startServer, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    secs: { type: 'string', default: '6' },
    warm: { type: 'string', default: '4' },
    only: { type: 'string', default: 'declared,natural' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const BARS = { declared: 0.7, natural: 0.9 };
const DISK_MS = 4000;
const SYNC_MS = 10;
const LINE_BYTES = 60;
const root = mkdtempSync(join(flags.dir, 'bench-wal-'));

/** MB/s */
function diskSpeed() {
  const path = join(root, 'disk');
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(256 * 1024, 'words');
  const from = performance.now();
  let synced = from;
  let bytes = 0;
  for (let now = from; now < from + DISK_MS; now = performance.now()) {
    // The same place again and again, as of a log that is trimmed.
    bytes += writeSync(fd, piece, 0, piece.length, bytes % (1 << 30));
    if (now - synced < SYNC_MS) continue;
    fdatasyncSync(fd);
    synced = performance.now();
  }
  fdatasyncSync(fd);
  const speed = bytes / 1e3 / (performance.now() - from);
  closeSync(fd);
  rmSync(path);
  return speed;
}

async function timed(program, isLogged) {
  const { warm, secs } = flags;
  const server = await startServer();
  const directory = mkdtempSync(join(root, 'run-'));
  const args = [file('_millrace.mjs'), server.port, `${program}Silent`, 2];
  const lines = await linesOf(
    [...args, ...(isLogged ? [directory] : [])],
    (Number(warm) + Number(secs)) * 1000,
  );
  server.stop();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  const steady = lines.filter(({ t }) => t >= lines[0].t + (Number(warm) - 1) * 1000);
  if (steady.length < 2) throw new Error(`${secs} s are too few here: raise --secs and --warm`);
  const [first, last] = [steady[0], steady.at(-1)];
  const counted = last.lines - first.lines;
  return {
    perSecond: counted / ((last.t - first.t) / 1000),
    perCpuSecond: counted / (last.cpu - first.cpu),
  };
}

try {
  const disk = diskSpeed();
  if (!flags.json)
    console.log(
      `# ${machine()}, ${flags.pairs} pairs of ${flags.secs} s; disk ${disk.toFixed(0)} MB/s, ` +
        `that is ${(disk / LINE_BYTES).toFixed(1)} M lines/s`,
    );
  let missed = 0;
  for (const program of flags.only.split(',')) {
    const sides = { logged: [], without: [] };
    for (let n = 0; n < Number(flags.pairs); n++) {
      // Who goes first alternates: what drifts hits both alike.
      for (const side of n % 2 === 0 ? ['logged', 'without'] : ['without', 'logged'])
        sides[side].push(await timed(program, side === 'logged'));
    }
    const ratios = (key) => sides.logged.map((one, n) => one[key] / sides.without[n][key]);
    const ratio = ratios('perSecond');
    const holds = median(ratio) >= BARS[program];
    if (!holds) missed++;
    const speed = (side) => figure(sides[side].map(({ perSecond }) => perSecond / 1e6));
    if (flags.json) console.log(JSON.stringify({ bench: 'wal', program, disk, ...sides }));
    else
      console.log(
        `${program}: ${speed('logged')} M lines/s with the log, ${speed('without')} without; ratio ${figure(ratio)}, ` +
          `a CPU-second ${figure(ratios('perCpuSecond'))}; ${verdict(`≥ ${BARS[program]} ×`, holds)}`,
      );
  }
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}
