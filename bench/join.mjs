// What does a join of two streams cost, against the hash join that a programmer writes by hand?
//
//   node bench/join.mjs [--runs 9] [--records 100000] [--only NAME] [--json]
//
// The tasks of the job, both sources and the join, get blocks as they do from edges, and pass on what they emit as edges
// within a thread do. So this is the work of one thread, without rings and other threads; what it gives is made into
// records by both. Keys are new strings in each batch, as they are when they come from elsewhere. Each contender runs in a
// process of its own, and they take turns. Figures are records (of both streams) for each second of CPU time, garbage
// collection included.
//
//   one      each key once on either side
//   many     each key five times on either side, so a batch gives five times as many rows as a side has
//   outer    a full outer join, half of the keys on both sides
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { figure, machine, median, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '9' },
    records: { type: 'string', default: '100000' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});
const records = Number(flags.records);
const SECONDS = 2;
const BAR = 0.7;
const BLOCK_RECORDS = 16_384;

/** The key of record i, of either side. */
const PROGRAMS = {
  one: { keys: [(i) => i, (i) => records - 1 - i], operator: 'join' },
  many: { keys: [(i) => i % (records / 5), (i) => (i * 7) % (records / 5)], operator: 'join' },
  outer: { keys: [(i) => i, (i) => i + records / 2], operator: 'fullOuterJoin' },
};

/** Both sides of a batch, with strings that nobody has seen. */
function batchOf({ keys }) {
  return keys.map((keyOf, side) => {
    const text = Array.from({ length: records }, (_, i) => `user-${keyOf(i)}`).join('\n');
    return Buffer.from(text)
      .latin1Slice()
      .split('\n')
      .map((key, i) => [key, i + side]);
  });
}

function byHand({ operator }) {
  const isOuter = operator === 'fullOuterJoin';
  return ([left, right]) => {
    const table = new Map();
    for (let i = 0; i < left.length; i++) {
      const [key, value] = left[i];
      const entry = table.get(key);
      if (entry === undefined) table.set(key, { values: [value], found: false });
      else entry.values.push(value);
    }
    const rows = [];
    for (let i = 0; i < right.length; i++) {
      const [key, value] = right[i];
      const entry = table.get(key);
      if (entry === undefined) {
        if (isOuter) rows.push([key, [undefined, value]]);
        continue;
      }
      entry.found = true;
      for (let j = 0; j < entry.values.length; j++) rows.push([key, [entry.values[j], value]]);
    }
    if (isOuter)
      for (const [key, { values, found }] of table)
        if (!found) for (const value of values) rows.push([key, [value, undefined]]);
    return rows;
  };
}

async function millrace({ operator }) {
  const { ContextBuilder } = await import('../dist/dstream/context-builder.js');
  const { plan } = await import('../dist/plan/planner.js');
  const { createBody } = await import('../dist/dstream/run/create-body.js');
  const { pairsOf } = await import('../dist/dstream/run/columns.js');
  const ssc = new ContextBuilder();
  const [a, b] = [ssc.inputStream('a'), ssc.inputStream('b')];
  a[operator](b).print();
  const planned = plan(ssc.freeze(), { workers: 1 });
  const queues = planned.wiring.edges.map(() => []);
  const rows = [];
  const tasks = planned.wiring.tasks.slice(0, -1).map(({ id, inputs, outputs }) => ({
    inputs,
    body: createBody(planned, id, {
      emit(output, block) {
        const { kind, to } = planned.wiring.edges[outputs[output]];
        if (kind === 'inner' && planned.tasks[to].kind === 'outputs')
          for (const row of pairsOf(block)) rows.push(row);
        else queues[outputs[output]].push(block);
      },
      absent() {},
      mark() {},
      report() {},
    }),
  }));
  let number = 0;
  return (sides) => {
    rows.length = 0;
    sides.forEach((side, source) => {
      const queue = queues[planned.wiring.sources[source].outputs[0]];
      for (let from = 0; from < side.length; from += BLOCK_RECORDS)
        queue.push({ kind: 'rows', port: 0, rows: side.slice(from, from + BLOCK_RECORDS) });
    });
    const time = 1000 * ++number;
    const barrier = { number, batch: true, point: false, last: false, time, zeroTime: 0 };
    for (const { inputs, body } of tasks) {
      inputs.forEach((edge, input) => {
        for (const block of queues[edge]) body.block(block, input);
        queues[edge] = [];
      });
      body.barrier(
        barrier,
        inputs.map(() => []),
      );
    }
    return rows;
  };
}

if (flags.child !== undefined) {
  const [name, side] = flags.child.split(' ');
  const program = PROGRAMS[name];
  const join = side === 'hand' ? byHand(program) : await millrace(program);
  let used = 0;
  let batches = 0;
  let given = 0;
  for (let round = -3; used < SECONDS; round++) {
    const batch = batchOf(program);
    const start = process.cpuUsage();
    given = join(batch).length;
    const { user, system } = process.cpuUsage(start);
    if (round < 0) continue;
    used += (user + system) / 1e6;
    batches++;
  }
  console.log(JSON.stringify({ perSecond: (2 * records * batches) / used, given }));
  process.exit(0);
}

const self = fileURLToPath(import.meta.url);
const names = Object.keys(PROGRAMS).filter(
  (name) => flags.only === undefined || name.includes(flags.only),
);
if (!flags.json) console.log(`# ${machine()}, ${flags.runs} pairs, ${records} records a side`);
for (const name of names) {
  const results = { millrace: [], hand: [] };
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const side of run % 2 === 0 ? ['millrace', 'hand'] : ['hand', 'millrace']) {
      const args = [self, '--child', `${name} ${side}`, '--records', flags.records];
      results[side].push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
    }
  }
  const [ours, theirs] = [results.millrace, results.hand];
  if (ours[0].given !== theirs[0].given)
    throw new Error(`${name} gave ${ours[0].given} rows, and by hand ${theirs[0].given}`);
  const ratio = ours.map(({ perSecond }, run) => perSecond / theirs[run].perSecond);
  const rates = (each) => each.map(({ perSecond }) => perSecond / 1e6);
  if (flags.json)
    console.log(
      JSON.stringify({
        bench: 'join',
        program: name,
        rows: ours[0].given,
        millraceRecordsPerCpuSecond: median(rates(ours)) * 1e6,
        byHandRecordsPerCpuSecond: median(rates(theirs)) * 1e6,
        ratio,
      }),
    );
  else
    console.log(
      `${name}: ${figure(rates(ours))} M records a CPU-second, by hand ${figure(rates(theirs))}; ${figure(ratio)} of by hand, ${verdict(`${BAR}`, median(ratio) >= BAR)}`,
    );
}
