/**
 * The topologies that run under simulation. Records are numbered, `[id, key]`; a stage that counts by key says what each
 * was counted as, so every loss, double and change of order shows.
 */
import { files } from '../../io/file-sink.ts';
import { collect, forEach } from '../../topology/sinks.ts';
import { generate, socket } from '../../topology/sources.ts';
import type { Answer, Stage, StageContext, StageOutputs } from '../../topology/stage.ts';
import { transactional } from '../../topology/transactional.ts';
import { TopologyBuilder, type TopologySettings } from '../../topology/topology-builder.ts';
import { idOf } from './jobs.ts';
import type { SimJob, TopologyFacts, User } from './sim-job.ts';

export type Numbered = readonly [id: number, key: string];

const FILES = '/out';
const TICK_MS = 25;

export const numberedAt = (id: number): Numbered => [id, `k${(id * 5) % 7}`];
const keyOf = (record: unknown): string =>
  typeof record === 'string' ? `k${idOf(record) % 7}` : (record as Numbered)[1];
const isEven = (record: unknown): boolean => idOf(record) % 2 === 0;

class Count implements Stage<Numbered, unknown> {
  #counts = new Map<string, number>();

  process([id, key]: Numbered, out: StageOutputs<unknown>): void {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    out.emit([id, key, count]);
  }

  snapshot(): unknown {
    return [...this.#counts];
  }

  restore(state: unknown): void {
    this.#counts = new Map(state as [string, number][]);
  }
}

/** Keeps records until its tick, which it sets anew as long as it has any. */
class Holder implements Stage<Numbered, Numbered> {
  #held: Numbered[] = [];
  #ticks = false;

  process(record: Numbered, _out: StageOutputs<Numbered>, ctx: StageContext): void {
    this.#held.push(record);
    if (this.#ticks) return;
    this.#ticks = true;
    ctx.timer(TICK_MS, 'tick');
  }

  onTimer(_payload: unknown, out: StageOutputs<Numbered>, ctx: StageContext): void {
    for (const record of this.#held.splice(0, 16)) out.emit(record);
    this.#ticks = this.#held.length > 0;
    if (this.#ticks) ctx.timer(TICK_MS, 'tick');
  }

  snapshot(): unknown {
    return [[...this.#held], this.#ticks];
  }

  restore(state: unknown): void {
    [this.#held, this.#ticks] = state as [Numbered[], boolean];
  }
}

/** Fails a record once, forgets another once, and puts some off until its next tick. */
class Doubtful implements Stage<Numbered, Numbered> {
  readonly #user: User;
  #waiting: Answer[] = [];

  constructor(user: User) {
    this.#user = user;
  }

  process(record: Numbered, out: StageOutputs<Numbered>, ctx: StageContext): void {
    const [id] = record;
    if (id % 17 === 3 && this.#user.first(`fail ${id}`)) {
      ctx.fail();
      return;
    }
    if (id % 29 === 5 && this.#user.first(`forget ${id}`)) {
      ctx.defer();
      return;
    }
    out.emit(record);
    if (id % 5 > 0) return;
    this.#waiting.push(ctx.defer());
    ctx.timer(TICK_MS);
  }

  onTimer(): void {
    this.#waiting.shift()?.ack();
  }
}

interface Declared extends Omit<SimJob, 'build' | 'topology'> {
  readonly facts: TopologyFacts;
  readonly maxPending?: number;
  build(t: TopologyBuilder, user: User): void;
}

function declared({ facts, maxPending = 40, build, ...rest }: Declared): SimJob {
  const settings: TopologySettings = {
    guarantee: facts.guarantee,
    lingerMs: 1,
    maxPending,
    timeoutMs: 400,
  };
  return {
    ...rest,
    topology: facts,
    build: (ssc, user) => {
      const t = new TopologyBuilder(ssc, settings);
      build(t, user);
      t.finish(`topology '${rest.name}'`);
    },
  };
}

/** The simulator feeds it; only its shape counts. */
const numbered = generate(numberedAt, { count: 1 });

const counted = (records: readonly unknown[], before: readonly unknown[] = []): unknown[] => {
  const counts = new Map<string, number>();
  const count = (record: unknown): unknown => {
    const n = (counts.get(keyOf(record)) ?? 0) + 1;
    counts.set(keyOf(record), n);
    return [idOf(record), keyOf(record), n];
  };
  for (const record of before) count(record);
  return records.map(count);
};

const counting: SimJob = declared({
  name: 'topology: count by key, and files',
  facts: { guarantee: 'exactly-once' },
  sources: ['records'],
  build(t, user) {
    const work = t.stage<Numbered, Numbered>(
      'work',
      (record, out) => {
        user.call(record);
        out.emit(record);
      },
      { from: t.source('numbers', numbered).shuffle(), fuse: false },
    );
    const counts = t.stage('count', Count, { from: work.byKey(keyOf), parallelism: 3 });
    t.sink('collected', collect('out'), { from: counts.global() });
    t.sink('written', files(FILES), { from: counts.local(), parallelism: 3 });
    const stored = transactional(({ key }) => ({
      holds: () => user.store.holds(key),
      commit: async (id, rows) => {
        const { store } = user;
        await user.wait();
        store.commit('stored', key, id, rows);
      },
    }));
    t.sink('stored', stored, { from: counts.local(), parallelism: 3 });
  },
  outputs: {
    out: {
      rows: ([batch], [before]) => counted(batch!.flat(), before),
      whole: ([records]) => counted(records!),
    },
    written: { files: FILES, whole: ([records]) => counted(records!) },
    stored: { stored: true, whole: ([records]) => counted(records!) },
  },
});

const branching: SimJob = declared({
  name: 'topology: outputs and groupings',
  facts: { guarantee: 'exactly-once' },
  sources: ['text', 'records'],
  build(t, user) {
    const split = t.stage<string, Numbered>(
      'split',
      (line, out) => {
        user.call(line);
        const record: Numbered = [idOf(line), keyOf(line)];
        out.emit(record);
        out.to<Numbered>('direct').emitTo(record[0] % 2, [record[0], 'direct']);
      },
      { from: t.source('lines', socket({ host: 'sim', port: 1 })).shuffle(), outputs: ['direct'] },
    );
    const same = (record: Numbered, out: StageOutputs<Numbered>): void => out.emit(record);
    const direct = t.stage('direct', same, {
      from: split.output<Numbered>('direct').direct(),
      parallelism: 2,
    });
    const dealt = t.stage('dealt', same, { from: split.shuffle(), parallelism: 3, fuse: false });
    const other = t.source('numbers', numbered);
    const counts = t.stage('count', Count, {
      from: [dealt.byKey(keyOf), other.byKey(keyOf)],
      parallelism: 2,
    });
    t.sink('counts', collect('counts'), { from: counts.global() });
    t.sink('all', collect('all'), { from: [direct.global(), dealt.global(), other.all()] });
    t.sink('files', files(FILES), { from: counts.global() });
  },
  outputs: {
    all: {
      rows: ([lines, rows]) => [
        ...lines!.flat().flatMap((line) => [
          [idOf(line), keyOf(line)],
          [idOf(line), 'direct'],
        ]),
        ...rows!.flat(),
      ],
    },
    counts: {},
    files: {
      files: FILES,
      // Which record of a key was counted first depends on timing; keys and counts don't.
      as: (row) => (row as unknown[]).slice(1),
      whole: ([lines, rows]) => counted([...lines!, ...rows!]),
    },
  },
});

const timed: SimJob = declared({
  name: 'topology: timers',
  facts: { guarantee: 'exactly-once', timed: true, settleMs: 800 },
  sources: ['records'],
  build(t, user) {
    const held = t.stage('hold', Holder, {
      from: t.source('numbers', numbered).byKey(keyOf),
      parallelism: 2,
    });
    const work = t.stage<Numbered, Numbered>(
      'work',
      (record, out) => {
        user.call(record);
        out.emit(record);
      },
      { from: held.shuffle(), parallelism: 2 },
    );
    t.sink('collected', collect('out'), { from: work.global() });
  },
  outputs: { out: { whole: ([records]) => records! } },
});

const mixed: SimJob = declared({
  name: 'topology: with streams',
  facts: { guarantee: 'exactly-once' },
  sources: ['records', 'rows'],
  build(t, user) {
    const work = t.stage<Numbered, Numbered>(
      'work',
      (record, out) => {
        user.call(record);
        out.emit(record);
      },
      { from: t.source('numbers', numbered).shuffle(), parallelism: 2 },
    );
    t.toDStream(work)
      .map(([id, key]): [string, number] => [key, id])
      .reduceByKey((a, b) => a + b)
      .collectAs('sums');
    const rows = t.ssc.inputStream<Numbered>('rows').filter(isEven).toTopology();
    const dealt = t.stage<Numbered, Numbered>('dealt', (record, out) => out.emit(record), {
      from: rows.shuffle(),
      parallelism: 3,
    });
    t.sink('rows', collect('even'), { from: dealt.global() });
    const counts = t.stage('count', Count, { from: rows.byKey(keyOf), parallelism: 2 });
    t.sink('counts', collect('counts'), { from: counts.global() });
  },
  outputs: {
    sums: {
      rows: ([batch]) => {
        const sums = new Map<string, number>();
        for (const record of batch!.flat())
          sums.set(keyOf(record), (sums.get(keyOf(record)) ?? 0) + idOf(record));
        return [...sums];
      },
    },
    even: { rows: ([, rows]) => rows!.flat().filter(isEven) },
    // Which record of a key comes first depends on timing; keys and counts don't.
    counts: {
      as: (row) => (row as unknown[]).slice(1),
      whole: ([, rows]) => counted(rows!.filter(isEven)),
    },
  },
});

const acked: SimJob = declared({
  name: 'topology: acked',
  facts: { guarantee: 'at-least-once' },
  maxPending: 12,
  sources: ['records'],
  build(t, user) {
    class Work extends Doubtful {
      constructor() {
        super(user);
      }
    }
    const doubtful = t.stage('doubtful', Work, {
      from: t.source('numbers', numbered).shuffle(),
      parallelism: 2,
    });
    const work = t.stage<Numbered, Numbered>(
      'work',
      (record, out) => {
        user.call(record);
        out.emit(record);
      },
      { from: doubtful.byKey(keyOf), parallelism: 2 },
    );
    t.sink('collected', collect('out'), { from: work.global() });
    t.sink('written', files(FILES), { from: work.local(), parallelism: 2 });
  },
  outputs: {
    out: { whole: ([records]) => records! },
    written: { files: FILES, whole: ([records]) => records! },
  },
});

const atMostOnce: SimJob = declared({
  name: 'topology: at most once',
  facts: { guarantee: 'at-most-once' },
  sources: ['records'],
  build(t, user) {
    const work = t.stage<Numbered, Numbered>(
      'work',
      (record, out) => {
        user.call(record);
        out.emit(record);
      },
      { from: t.source('numbers', numbered).shuffle(), parallelism: 2 },
    );
    t.sink('collected', collect('out'), { from: work.global() });
    t.sink(
      'shown',
      forEach((record: Numbered) => user.seen('shown', record)),
      { from: work.global() },
    );
  },
  outputs: {
    out: { whole: ([records]) => records! },
    shown: { plain: true, whole: ([records]) => records! },
  },
});

export const TOPOLOGY_JOBS: readonly SimJob[] = [
  counting,
  branching,
  timed,
  mixed,
  acked,
  atMostOnce,
];
