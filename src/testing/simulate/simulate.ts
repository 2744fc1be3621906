/**
 * `simulate`: a user's job in the simulator, under deaths, hangs, refusals and stalls that seeds draw.
 *
 * For each seed the job runs to its end in one thread, on virtual time and edges of the smallest size, and its sources
 * are played from lists. What the simulator watches over its own jobs it watches here (`sim/simulation.ts`). Then the
 * same batches are run once more without faults, and must come to the same.
 */
import { badOption } from '../../dstream/arguments.ts';
import type { Job } from '../../dstream/job.ts';
import { resolveJob } from '../../dstream/resolve-job.ts';
import { type Fault, describeFault } from '../sim/faults.ts';
import { keptScenario, type Scenario, scenarioOf } from '../sim/scenario.ts';
import { Simulation, type SimResult } from '../sim/simulation.ts';
import type { World } from '../sim/world.ts';
import { batchesOn, ExactFeed } from './exact-feed.ts';
import {
  type Check,
  checkModel,
  compareRuns,
  type Model,
  runCheck,
  type SimulatedRun,
} from './judge.ts';
import { type SimInput, subjectOf, type UserSubject } from './subject.ts';

export interface SimulateOptions<A = unknown> {
  /** The only seed; with `seeds`, the first of so many. @default 1 */
  readonly seed?: number;
  /** How many seeds. @default 50, or 1 where `seed` is given */
  readonly seeds?: number;
  /** As of `run`. */
  readonly args?: A;
  /**
   * What sources give, by their order in the job or by name: lines of text, records, or batches of records. A source
   * that has its records in the job (`queueStream`, `numbers`, `fromIterable`, one of your own) needs none.
   */
  readonly inputs?: readonly SimInput[] | Readonly<Record<string, SimInput>>;
  /** At most so many records of sources that have them in the job. @default 200 */
  readonly records?: number;
  /** What goes wrong: drawn from the seed, nothing (`false`), or this list. @default drawn */
  readonly faults?: false | readonly Fault[];
  /** What must come out in all. */
  readonly model?: Model;
  /** Looks at each run. */
  readonly check?: Check;
  /**
   * Whether the batches must come to what they come to without faults. Of a topology results may depend on timing, so
   * give a model. @default true for jobs of streams, false with stages
   */
  readonly compare?: boolean;
}

export interface SimulationFailure {
  readonly seed: number;
  /** What is wrong, in sentences. */
  readonly violations: readonly string[];
  /** With these alone it fails: `simulate(job, { …, seed, faults })` runs it again. Plain data. */
  readonly faults: readonly Fault[];
  /** All of it for people: faults, scenario, the last actions. */
  readonly text: string;
}

export interface SimulatedSeed {
  readonly seed: number;
  readonly faults: number;
  readonly batches: number;
  readonly deaths: number;
  readonly turns: number;
  /** The same for the same seed, job and version. */
  readonly traceHash: number;
}

export interface SimulationReport {
  readonly job: string;
  /** No seed failed. */
  readonly ok: boolean;
  /** What failed, a sentence a violation: for `expect(report.failed).toEqual([])`. */
  readonly failed: readonly string[];
  /** At most three; then no more seeds are run. */
  readonly failures: readonly SimulationFailure[];
  readonly runs: readonly SimulatedSeed[];
}

type Builder = Job<never>['build'];

const SEEDS = 50;
const MOST_FAILURES = 3;
const RECORDS = 200;
const REFERENCE_EDGE_BYTES = 1 << 20;
const SHOWN_ACTIONS = 60;

/**
 * Runs a job in the simulator.
 *
 * @param job what `job()` or `topology()` gave, the file of one, or a builder of streams
 * @throws coded errors of options, of the job's file and of its builder; what fails is no error: see `report.failed`
 * @example
 * const report = await simulate(wordcount, { seeds: 100, inputs: [['a b', 'b']], args: { port: 1 } });
 * expect(report.failed).toEqual([]);
 */
export async function simulate<A>(
  job: Job<A> | string | URL | Builder,
  options: SimulateOptions<A> = {},
): Promise<SimulationReport> {
  const { seed, seeds, args, inputs = [], records = RECORDS } = options;
  const first = whole('seed', seed ?? 1, 0);
  const count = whole('seeds', seeds ?? (seed === undefined ? SEEDS : 1), 1);
  const resolved = await jobOf(job as Job<never>);
  const subject = await subjectOf(resolved, args, inputs, whole('records', records, 1));
  const trial = new Trial(subject, options as SimulateOptions);
  const runs: SimulatedSeed[] = [];
  const failures: SimulationFailure[] = [];
  for (let n = first; n < first + count && failures.length < MOST_FAILURES; n++) {
    const scenario = trial.scenario(n);
    const { result, violations } = await trial.run(scenario, n === first);
    const { batches, deaths, turns, hash } = result;
    const faults = scenario.faults.length;
    runs.push({ seed: n, faults, batches, deaths, turns, traceHash: hash });
    if (violations.length > 0) failures.push(await trial.shrunk(scenario, violations, result));
  }
  return {
    job: resolved.name,
    ok: failures.length === 0,
    failed: failures.flatMap((each) => each.violations.map((said) => `seed ${each.seed}: ${said}`)),
    failures,
    runs,
  };
}

interface Tried {
  readonly result: SimResult;
  readonly violations: readonly string[];
}

class Trial {
  readonly #subject: UserSubject;
  readonly #options: SimulateOptions;

  constructor(subject: UserSubject, options: SimulateOptions) {
    this.#subject = subject;
    this.#options = options;
  }

  scenario(seed: number): Scenario {
    const { job, batchIntervalMs, leastReceiverBytes } = this.#subject;
    const drawn = scenarioOf(seed, job);
    const { faults = drawn.faults } = this.#options;
    return {
      ...drawn,
      batchIntervalMs,
      // Two to eight recovery points a batch.
      reliefIntervalMs: Math.ceil(batchIntervalMs / (2 << (seed % 3))),
      receiverBytes: Math.max(drawn.receiverBytes, leastReceiverBytes),
      poison: [],
      mode: 'clock',
      faults: faults === false ? [] : faults,
    };
  }

  /** @param twice also whether the seed names one run */
  async run(scenario: Scenario, twice = false): Promise<Tried> {
    const { model, check, compare = !this.#subject.hasStages } = this.#options;
    const simulation = new Simulation(scenario);
    const result = await simulation.run();
    if (result.wrong.length > 0) return { result, violations: result.wrong };
    if (twice) {
      const again = await new Simulation(scenario).run();
      if (again.hash !== result.hash) return { result, violations: [...again.wrong, TWO_RUNS] };
    }
    const run = this.#seen(simulation.world);
    const violations = [
      ...(model === undefined ? [] : checkModel(run, model, this.#subject.job.topology)),
      ...(check === undefined ? [] : runCheck(run, check)),
      ...(compare ? await this.#compare(run, simulation.world) : []),
    ];
    return { result, violations };
  }

  /** Leaves faults out as long as it still fails. */
  async shrunk(
    scenario: Scenario,
    violations: readonly string[],
    result: SimResult,
  ): Promise<SimulationFailure> {
    let best: Tried & { readonly scenario: Scenario } = { scenario, violations, result };
    for (let at = 0; at < best.scenario.faults.length;) {
      const faults = best.scenario.faults.filter((_, n) => n !== at);
      const fewer = { ...best.scenario, faults };
      const tried = await this.run(fewer);
      if (tried.violations.length > 0) best = { scenario: fewer, ...tried };
      else at++;
    }
    const { faults, seed } = best.scenario;
    const text = [
      `seed ${seed} of job '${this.#subject.job.name}' failed:`,
      ...best.violations.map((said) => `  ${said}`),
      faults.length === 0 ? 'without any fault' : 'with these faults:',
      ...faults.map((fault) => `  ${describeFault(fault)}`),
      `scenario ${JSON.stringify(keptScenario(best.scenario))}`,
      ...best.result.state.map((line) => `  ${line}`),
      ...best.result.recent.slice(-SHOWN_ACTIONS).map((line) => `  ${line.slice(0, 200)}`),
    ].join('\n');
    return { seed, violations: best.violations, faults, text };
  }

  /** The batches of the run once more, as they lay on the edges, with nothing going wrong. */
  async #compare(run: SimulatedRun, world: World): Promise<readonly string[]> {
    const { scenario, history } = world;
    const { job, batchIntervalMs } = scenario;
    const sources = history.settled();
    const first = sources[0]?.[0]?.barriers.find(({ batch }) => batch);
    // In steps times begin with the first interval, and what depends on them would differ.
    if (first === undefined || first.time !== batchIntervalMs) return [];
    const feeds = sources.map(
      (edges, n) => new ExactFeed(batchesOn(edges), this.#subject.isText[n]!),
    );
    const undisturbed: Scenario = {
      ...scenario,
      faults: [],
      deaf: undefined,
      drainAt: undefined,
      mode: 'step',
      batches: run.batches,
      receiverBytes: Math.max(REFERENCE_EDGE_BYTES, scenario.receiverBytes),
      job: { ...job, subject: { ...job.subject!, feeds: () => feeds } },
    };
    const simulation = new Simulation(undisturbed);
    const { wrong } = await simulation.run();
    if (wrong.length > 0) return wrong.map((said) => `without faults: ${said}`);
    return compareRuns(run, this.#seen(simulation.world));
  }

  #seen({ scenario, ledger, history, deaths, env }: World): SimulatedRun {
    const results: Record<string, { time: number; values: readonly unknown[] }[]> = {};
    for (const { name, time, partitions } of ledger.collected)
      (results[name] ??= []).push({ time, values: partitions.flat() });
    const files = env.disk
      .paths()
      .filter((path) => !path.startsWith('/job/') && !path.includes('/.'))
      .map((path) => [path, Buffer.from(env.disk.read(path)).toString().split('\n').slice(0, -1)]);
    const { records } = ledger;
    return {
      seed: scenario.seed,
      records: Object.fromEntries(
        records.map((all, source) => [this.#subject.sources[source]!, all]),
      ),
      results,
      files: Object.fromEntries(files) as Record<string, string[]>,
      counted: ledger.counted,
      batches: history.edgesOf(0)[0]!.batches.size,
      deaths,
      early: scenario.drainAt !== undefined,
    };
  }
}

const TWO_RUNS =
  'two runs of the seed differ: a function of the job asks for chance or the clock, or keeps something in its module';

async function jobOf(given: Job<never> | string | URL | Builder): Promise<Job<never>> {
  if (typeof given !== 'function') return (await resolveJob(given)).job as Job<never>;
  return {
    name: given.name || 'builder',
    batchIntervalMs: 1000,
    defaults: {},
    build: given,
    url: '',
    origin: 'module',
    callSite: 'simulate',
  } as Job<never>;
}

function whole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw badOption(
    { operator: 'simulate', callSite: 'simulate' },
    name,
    `a whole number of at least ${least}`,
    value,
  );
}
