/**
 * What outlives the simulated process, and what the parts of a simulation share: the scenario, time, chance and the disk,
 * the feeds and the ledger, and the functions of the user. What dies with the process is in `life.ts`.
 */
import { MemoryDisk } from '../../env/memory-disk.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { simEnv, type SimEnv } from '../../env/sim.ts';
import { stateDirectory } from '../../supervision/checkpoint/manifest-file.ts';
import type { CoordinatorPolicy } from '../../supervision/coordinator.ts';
import type { DiskWeather } from './disk-weather.ts';
import { History } from './history.ts';
import type { SimHooks } from './hooks.ts';
import { idOf, lineOf } from './jobs.ts';
import { Ledger } from './ledger.ts';
import type { Scenario } from './scenario.ts';
import type { SourceShape, User } from './sim-job.ts';
import { RecordsFeed, RowsFeed, TextFeed, type Feed } from './sim-sources.ts';
import type { Scene, ThreadHooks } from './sim-thread.ts';
import { SimStore } from './sim-store.ts';
import { numberedAt } from './topology-jobs.ts';
import { Trace } from './trace.ts';

export const DIRECTORY = '/job';

/** Streams of chance of the feeds; 0 to 3 are those of `simEnv` and `scenarioOf`. */
const TEXT = 4;
const ROWS = 5;
const PULLS = 6;
const RECORDS = 8;

/** Attempts at a batch of a job of somebody else, some of which fail on purpose. */
const SUBJECT_FAILURES = 100;

/** An oracle has spoken. */
export class Wrong extends Error {}

export class World {
  readonly scenario: Scenario;
  readonly hooks: SimHooks;
  readonly env: SimEnv;
  readonly scene: Scene = { current: undefined, settled: undefined, stirred: false };
  readonly trace: Trace = new Trace();
  /** Where hand-overs lie. */
  readonly directory: string;
  readonly history: History = new History();
  readonly feeds: readonly Feed[];
  readonly ledger: Ledger;
  readonly policy: CoordinatorPolicy;
  /** Records at which a user function threw because it always does. */
  readonly poisoned: Set<number> = new Set();
  /** What oracles found where they can't throw: in a thread, which would only die of it. */
  readonly wrong: string[] = [];
  /** Of a job that has a checkpoint directory. */
  weather: DiskWeather | undefined;
  turn = 0;
  deaths = 0;
  /** Somebody died since everybody was last seen to be idle. */
  diedSinceIdle = false;
  /** The embedding thread gets no turn before. */
  mainStalledUntil = 0;
  /** User functions throw: behind so many calls, so often. */
  throws: { after: number; left: number } = { after: 0, left: 0 };
  /** What user functions have asked for (`User.first`). */
  readonly #asked = new Set<string>();
  /** Stands outside of the process. */
  readonly #store = new SimStore();
  /** Virtual time of the newest death or recovery. */
  lastDeathMs = 0;

  constructor(scenario: Scenario, hooks: SimHooks) {
    this.scenario = scenario;
    this.hooks = hooks;
    const { seed, job, batchIntervalMs, reliefIntervalMs, poison } = scenario;
    const isDurable = scenario.checkpoint !== undefined;
    this.env = simEnv(seed, 0, new MemoryDisk({ mayCrash: isDurable }));
    this.directory = isDurable ? stateDirectory(DIRECTORY) : DIRECTORY;
    if (!isDurable) this.env.disk.makeDirectory(DIRECTORY);
    this.feeds =
      job.subject?.feeds(scenario) ?? job.sources.map((shape) => feedOf(shape, scenario));
    this.ledger = new Ledger({
      job,
      history: this.history,
      feeds: this.feeds,
      batchIntervalMs,
      store: this.#store,
    });
    const isOurs = job.subject === undefined;
    this.policy = {
      batchIntervalMs,
      reliefIntervalMs,
      maxBatchFailures:
        job.subject !== undefined ? SUBJECT_FAILURES : poison.length > 0 ? 8 : 1_000_000,
      onBatchError: isOurs && job.topology === undefined ? 'continue' : 'fail',
      maxRestarts: 1_000_000,
      withinMs: 1,
      backoff: { minMs: 1, maxMs: 20, factor: 2, jitter: 0.2 },
    };
  }

  /** As a function of the user might. */
  perhapsThrow(): void {
    if (this.throws.left === 0 || this.throws.after-- > 0) return;
    this.throws.left--;
    throw new Error('a user function throws');
  }

  note(text: string): void {
    this.trace.note(text);
    if (!text.startsWith('death')) return;
    this.deaths++;
    this.lastDeathMs = this.env.clock.monotonic();
    this.diedSinceIdle = true;
  }

  readonly threadHooks: ThreadHooks = {
    disk: (_thread, ...operation) => this.weather?.before(...operation),
  };

  get mainMayRun(): boolean {
    return this.turn >= this.mainStalledUntil;
  }

  /** Whether sources have nothing more to give. */
  get allIn(): boolean {
    return this.feeds.every((feed, source) => feed.isIn(this.history.edgesOf(source)));
  }

  /** What user functions call. */
  user(): User {
    const poison = new Set(this.scenario.poison);
    return {
      call: (record) => {
        const isList = Array.isArray(record) && Array.isArray(record[0]);
        for (const each of isList ? (record as unknown[]) : [record]) {
          if (!poison.has(idOf(each))) continue;
          this.poisoned.add(idOf(each));
          throw new Error(`record ${idOf(each)} is poison`);
        }
        this.perhapsThrow();
      },
      first: (what) => {
        const before = this.#asked.size;
        return this.#asked.add(what).size > before;
      },
      seen: (output, row) => this.ledger.seen(output, row),
      delivered: (output, time, rows) => {
        this.note(`${output} at ${time} is called with ${JSON.stringify(rows)}`);
        this.ledger.delivered(output, time, rows);
      },
      store: this.#store,
      wait: () => {
        const { clock, chance } = this.env;
        return new Promise((resolve) => void clock.after(chance.below(12), resolve));
      },
    };
  }
}

function feedOf(shape: SourceShape, scenario: Scenario): Feed {
  switch (shape) {
    case 'text':
      return textFeed(scenario);
    case 'rows':
      return rowsFeed(scenario);
    case 'records':
      return new RecordsFeed({
        count: 60 + (scenario.lines % 200),
        at: numberedAt,
        spreadMs: scenario.batchIntervalMs * Math.min(scenario.batches, 8),
        chance: new Pcg32(scenario.seed, RECORDS),
        mayLose:
          scenario.checkpoint !== undefined && scenario.job.topology?.guarantee === 'at-most-once',
      });
  }
}

function textFeed({ seed, lines, largeBlocks, checkpoint }: Scenario): Feed {
  const all = Array.from({ length: lines }, (_, id) => lineOf(id));
  return new TextFeed(all, {
    largeBlocks,
    chance: new Pcg32(seed, TEXT),
    isPlain: checkpoint?.isPlain === true,
  });
}

function rowsFeed({ seed, batches, batchIntervalMs, job }: Scenario): Feed {
  const chance = new Pcg32(seed, ROWS);
  let id = 0;
  const list = Array.from({ length: batches }, () => {
    if (job.absent === true && chance.below(5) === 0) return null;
    return Array.from({ length: chance.below(40) }, () => [id, `k${id++ % 7}`]);
  });
  return new RowsFeed(list, batchIntervalMs, new Pcg32(seed, PULLS));
}
