/**
 * `verifyStage`: whether a stage survives what may happen to it. It is run undisturbed, and then again and again, killed
 * before, in and behind each call, and gone on with by a new instance from what the old one handed over. What comes out
 * and what it hands over must be the same each time.
 *
 *   undisturbed    r0 r1 r2 r3 r4 ──────────────────▶ outputs, state
 *   killed in r2   r0 r1 ▏snapshot ▏r2 ✗
 *                         restore  ▕r2 r3 r4 ───────▶ the same
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import { badOption } from '../../dstream/arguments.ts';
import { isStageClass } from '../../topology/stage.ts';
import {
  type Finding,
  type FindingKind,
  outputDifference,
  sameBytes,
  shown,
  stateDifference,
  stateOf,
} from './findings.ts';
import {
  type AnyStage,
  type Emitted,
  type HandedOver,
  StageBench,
  StagePlan,
} from './stage-bench.ts';
import { Watch } from './watch.ts';

export interface VerifyStageOptions<In> {
  /** What the stage is fed. Take what makes it do all that it can do: some keys twice, an end, an error. */
  readonly records: readonly In[];
  /** As in `t.stage`: names of outputs beside the default one. */
  readonly outputs?: readonly string[];
  /** Virtual time between two records, in ms; timers that come due are called. @default 10 */
  readonly everyMs?: number;
  /** At most so many places to kill it at, spread over the records. @default 100 */
  readonly places?: number;
}

export interface StageVerdict {
  /** Nothing serious was found. */
  readonly ok: boolean;
  /** What was found, in sentences: for `expect(verdict.failed).toEqual([])`. */
  readonly failed: readonly string[];
  readonly findings: readonly Finding[];
  /** Kills that it was to survive. */
  readonly kills: number;
  /** Records that came out of the undisturbed run. */
  readonly emitted: number;
}

/** After the last record timers get so many steps of `everyMs` to come to their end. */
const LAST_STEPS = 1000;
/** When the runs begin, in ms since 1970. */
const START_MS = 1_700_000_000_000;

/** One step of a run: what came out, and what would be handed over before it. */
interface Step {
  readonly atMs: number;
  readonly before: HandedOver | undefined;
  readonly emitted: readonly Emitted[];
}

interface Run {
  readonly steps: readonly Step[];
  readonly end: HandedOver | undefined;
}

/**
 * Runs a stage against kills at each call and snapshots at each point.
 *
 * @param stage a function or class, as `t.stage` takes it; an instance is made for each run
 * @throws ERR_MILLRACE_BAD_OPTION; what is wrong with the stage is no error: see `verdict.failed`
 * @example
 * const verdict = verifyStage(Counter, { records: ['a', 'b', 'a'] });
 * expect(verdict.failed).toEqual([]);
 */
export function verifyStage<In>(stage: AnyStage, options: VerifyStageOptions<In>): StageVerdict {
  const call = { operator: 'verifyStage', callSite: 'verifyStage' };
  const { records, everyMs = 10, places = 100, outputs = [] } = options;
  if (!Array.isArray(records) || records.length === 0)
    throw badOption(call, 'records', 'an array with at least one record', records);
  if (!(everyMs > 0)) throw badOption(call, 'everyMs', 'a number of ms above 0', everyMs);
  if (!(places > 0)) throw badOption(call, 'places', 'a number above 0', places);
  return new Verification(stage, records, everyMs, places, outputs).verify();
}

class Verification {
  readonly #stage: AnyStage;
  readonly #plan: StagePlan;
  readonly #records: readonly unknown[];
  readonly #everyMs: number;
  readonly #places: number;
  readonly #findings: Finding[] = [];
  readonly #watch = new Watch();
  #kills = 0;

  constructor(
    stage: AnyStage,
    records: readonly unknown[],
    everyMs: number,
    places: number,
    outputs: readonly string[],
  ) {
    this.#stage = stage;
    this.#records = records;
    this.#everyMs = everyMs;
    this.#places = places;
    this.#plan = new StagePlan(stage, outputs, this.#watch);
  }

  verify(): StageVerdict {
    const first = this.#watch.during(() => this.#undisturbed(true));
    let emitted = 0;
    if (first !== undefined) {
      emitted = first.steps.reduce((sum, step) => sum + step.emitted.length, 0);
      const isRepeatable = this.#again(first);
      if (isRepeatable) {
        this.#withoutSnapshots(first);
        for (const at of this.#spread(first.steps.length)) this.#killedAt(first, at);
      }
    }
    const failed = this.#findings.filter(({ serious }) => serious).map(({ text }) => text);
    return {
      ok: failed.length === 0,
      failed,
      findings: this.#findings,
      kills: this.#kills,
      emitted,
    };
  }

  /** Undefined when it threw. @param snapshots at each step */
  #undisturbed(snapshots: boolean): Run | undefined {
    const steps: Step[] = [];
    const bench = this.#open(undefined, START_MS, 0);
    if (bench === undefined) return undefined;
    for (let at = 0; this.#goesOn(bench, at); at++) {
      const atMs = bench.clock.now();
      const before = snapshots ? this.#handOver(bench, at) : undefined;
      const emitted = this.#step(bench, at);
      if (emitted === undefined) return undefined;
      steps.push({ atMs, before, emitted });
    }
    const end = this.#handOver(bench, steps.length);
    this.#checkEmitted(bench);
    bench.close();
    return { steps, end };
  }

  /** The same once more with a new instance. */
  #again(first: Run): boolean {
    const second = this.#undisturbed(true);
    if (second === undefined) return false;
    for (let at = 0; at < Math.max(first.steps.length, second.steps.length); at++) {
      const difference = outputDifference(
        first.steps[at]?.emitted ?? [],
        second.steps[at]?.emitted ?? [],
      );
      if (difference === undefined) continue;
      const asked = this.#watch.asked();
      this.#find(
        'not-deterministic',
        at,
        `a second instance gives ${difference}. ` +
          (asked === undefined
            ? 'It keeps state outside of its instance (in the module, in a static field, in a closure), or asks something that changes. Keep state in fields, and give it by snapshot'
            : `It calls ${asked}. Take time from ctx.now(), and chance from the record`),
      );
      return false;
    }
    return true;
  }

  /** Snapshots must not show in what it does. */
  #withoutSnapshots(first: Run): void {
    const run = this.#undisturbed(false);
    run?.steps.some(({ emitted }, at) => {
      const difference = outputDifference(emitted, first.steps[at]!.emitted);
      if (difference === undefined) return false;
      this.#find(
        'snapshot-changes-it',
        at,
        `with snapshots before each record it gives ${difference}. snapshot() may change nothing`,
      );
      return true;
    });
  }

  /** It dies in step `at`; another one goes on from what it handed over before that. */
  #killedAt(first: Run, at: number): void {
    this.#kills++;
    const { before, atMs } = first.steps[at]!;
    // One that dies as it is restored, and one that dies at work.
    this.#open(before, atMs, at);
    const dying = this.#open(before, atMs, at);
    if (dying === undefined || this.#step(dying, at) === undefined) return;
    const bench = this.#open(before, atMs, at);
    if (bench === undefined) return;
    const restored = this.#handOver(bench, at);
    const lost = stateDifference(stateOf(before), stateOf(restored));
    if (lost !== undefined) {
      const isThere = this.#methods?.restore !== undefined;
      this.#find(
        'restore-loses',
        at,
        isThere
          ? `right behind restore() snapshot() gives something else: ${lost}. restore() must take up all that snapshot() gives`
          : `it has snapshot(), and no restore(): ${lost} in the next life`,
      );
      return;
    }
    for (let n = at; n < first.steps.length; n++) {
      const emitted = this.#step(bench, n);
      if (emitted === undefined) return;
      const difference = outputDifference(first.steps[n]!.emitted, emitted);
      if (difference === undefined) continue;
      this.#stateIsMissing(before, n, `killed at record ${at}, it gives ${difference} at ${n}`);
      return;
    }
    const difference = stateDifference(
      stateOf(first.end),
      stateOf(this.#handOver(bench, first.steps.length)),
    );
    if (difference !== undefined)
      this.#stateIsMissing(
        before,
        at,
        `killed at record ${at}, it ends with another state: ${difference}`,
      );
    bench.close();
  }

  #stateIsMissing(before: HandedOver | undefined, at: number, what: string): void {
    const methods = this.#methods;
    const why =
      methods === undefined
        ? 'A function has no snapshot: state needs a class'
        : methods.snapshot === undefined
          ? 'It has no snapshot()'
          : `Some of its state is not in what snapshot() gives: ${shown(stateOf(before))}`;
    this.#find('state-outside-snapshot', at, `${what}. ${why}`);
  }

  /** Of a class. */
  get #methods(): Partial<Record<'snapshot' | 'restore', unknown>> | undefined {
    return isStageClass(this.#stage) ? (this.#stage.prototype as object) : undefined;
  }

  #open(from: HandedOver | undefined, atMs: number, at: number): StageBench | undefined {
    return this.#guarded(
      at,
      'as it is made or restored',
      () => new StageBench(this.#plan, from, atMs),
    );
  }

  #goesOn(bench: StageBench, at: number): boolean {
    const { length } = this.#records;
    return at < length || (bench.waits && at < length + LAST_STEPS);
  }

  /** A record, and the time behind it. Gives what came out. */
  #step(bench: StageBench, at: number): readonly Emitted[] | undefined {
    const from = bench.emitted.length;
    const record: unknown = structuredClone(this.#records[at]);
    const bytes = packValue([record]);
    return this.#guarded(at, `at ${shown(record)}`, () => {
      if (at < this.#records.length) bench.process(record);
      if (!sameBytes(bytes, packValue([record])))
        this.#find(
          'changes-its-input',
          at,
          `it changes the record that it is given: ${shown(this.#records[at])} is ${shown(record)} then. Other stages may have the same one; make a copy`,
          false,
        );
      bench.pass(this.#everyMs);
      return bench.emitted.slice(from);
    });
  }

  #handOver(bench: StageBench, at: number): HandedOver | undefined {
    return this.#guarded(at, 'in snapshot()', () => {
      if (this.#watch.changed())
        this.#find(
          'shares-snapshot',
          at,
          `what snapshot() gave has changed since. Give a copy: [...this.list], new Map(this.map)`,
          false,
        );
      return bench.handOver();
    });
  }

  #checkEmitted({ emitted }: StageBench): void {
    const at = emitted.findIndex(({ row, bytes }) => !sameBytes(bytes, packValue(row)));
    if (at < 0) return;
    this.#find(
      'changes-what-it-emitted',
      at,
      `what it emitted as ${shown(unpackValue(emitted[at]!.bytes))} is ${shown(emitted[at]!.row)} now. A reader in the same thread has the same object: emit a new one each time`,
    );
  }

  #guarded<T>(at: number, where: string, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      this.#find('throws', at, `it fails ${where}: ${said}`);
      return undefined;
    }
  }

  /** The first one of each kind is told. */
  #find(kind: FindingKind, at: number, what: string, serious = true): void {
    if (this.#findings.some((each) => each.kind === kind)) return;
    this.#findings.push({ kind, at, text: `record ${at}: ${what}`, serious });
  }

  #spread(steps: number): number[] {
    const count = Math.min(steps, this.#places);
    return Array.from({ length: count }, (_, n) => Math.floor((n * steps) / count));
  }
}
