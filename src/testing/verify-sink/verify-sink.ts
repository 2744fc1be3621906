/**
 * `verifySink`: whether a sink gives what its kind promises, on its real target. It is run undisturbed, and then again
 * and again, killed before, in and behind each of its steps, and gone on with by a successor from what it handed over.
 * What the target shows in the end must be each record once, and nothing before it counts.
 */
import { badOption } from '../../dstream/arguments.ts';
import { realEnv } from '../../env/real.ts';
import type { SinkSpec } from '../../plan/sink.ts';
import { FillingDisk } from './filling-disk.ts';
import { Scene } from './scene.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';
import { SinkBench } from './sink-bench.ts';
import { findingText, type SinkFinding } from './sink-findings.ts';

export interface VerifySinkOptions<T> {
  /** All records that a reader of the target sees now, in any order, as they were given. */
  readonly read: () => readonly T[] | Promise<readonly T[]>;
  /** The n-th record, from 0: no two are alike. */
  readonly record: (n: number) => T;
}

export interface SinkVerdict {
  /** Nothing was found. */
  readonly ok: boolean;
  /** What was found, in sentences: for `expect(verdict.failed).toEqual([])`. */
  readonly failed: readonly string[];
  readonly findings: readonly SinkFinding[];
  /** Deaths that it was to survive. */
  readonly deaths: number;
  /** What was done to it. */
  readonly scenarios: readonly string[];
}

/**
 * Runs a sink against deaths at each of its steps.
 *
 * The target is written to; what it shows before is left out of account. A sink is judged by its kind (`delivery`):
 * 'transactional' shows each record once and none before it counts, 'idempotent' each once, 'plain' each at least once.
 *
 * @param spec as `t.sink` and `stream.to` take it
 * @throws ERR_MILLRACE_BAD_OPTION; what is wrong with the sink is no error: see `verdict.failed`
 * @example
 * const verdict = await verifySink(orders(db), { read: () => rowsOf(db), record: (n) => ({ id: n }) });
 * expect(verdict.failed).toEqual([]);
 */
export async function verifySink<T>(
  spec: SinkSpec<T>,
  options: VerifySinkOptions<T>,
): Promise<SinkVerdict> {
  const call = { operator: 'verifySink', callSite: 'verifySink' };
  if (typeof spec?.make !== 'function')
    throw badOption(call, 'spec', 'a sink, as t.sink and to take it', spec);
  const { read, record } = options;
  if (typeof read !== 'function') throw badOption(call, 'read', 'a function', read);
  if (typeof record !== 'function') throw badOption(call, 'record', 'a function', record);
  return new SinkVerification(spec as SinkSpec<unknown>, read, record).verify();
}

/** Numbers of barriers between two scenarios: files of one are none of another. */
const NUMBERS = 1000;

class SinkVerification {
  readonly #spec: SinkSpec<unknown>;
  readonly #read: () => readonly unknown[] | Promise<readonly unknown[]>;
  readonly #record: (n: number) => unknown;
  readonly #findings: SinkFinding[] = [];
  readonly #disk = new FillingDisk();
  /** Tells this verification's jobs from all others. */
  readonly #name: string = `verifySink-${realEnv().random().toString(36).slice(2)}`;
  #records = 0;
  #deaths = 0;

  constructor(
    spec: SinkSpec<unknown>,
    read: () => readonly unknown[] | Promise<readonly unknown[]>,
    record: (n: number) => unknown,
  ) {
    this.#spec = spec;
    this.#read = read;
    this.#record = record;
  }

  async verify(): Promise<SinkVerdict> {
    const done: string[] = [];
    for (const [n, scenario] of SCENARIOS.entries()) {
      if (!this.#applies(scenario)) continue;
      done.push(scenario.title);
      await this.#run(scenario, n);
      // A sink that fails undisturbed would fail in all others for the same reason.
      if (n === 0 && this.#findings.some(({ kind }) => kind === 'throws' || kind === 'hangs'))
        break;
    }
    const failed = this.#findings.map(({ text }) => text);
    return {
      ok: failed.length === 0,
      failed,
      findings: this.#findings,
      deaths: this.#deaths,
      scenarios: done,
    };
  }

  #applies({ commits, disk }: Scenario): boolean {
    if (disk === true && !this.#disk.isUsed) return false;
    return commits !== true || typeof this.#commits === 'function';
  }

  #commit: unknown = null;

  /** Of one that is made to look at. */
  get #commits(): unknown {
    if (this.#commit === null) this.#commit = this.#spec.make().commit;
    return this.#commit;
  }

  async #run({ title, instances = 1, run }: Scenario, n: number): Promise<void> {
    const read = async (): Promise<readonly unknown[]> => this.#read();
    const bench = new SinkBench({
      spec: this.#spec,
      instances,
      lineage: `${this.#name}-${n}`,
      disk: this.#disk,
      from: (n + 1) * NUMBERS,
    });
    const scene = new Scene({
      spec: this.#spec,
      delivery: this.#spec.delivery ?? 'plain',
      title,
      bench,
      disk: this.#disk,
      fresh: (count) => Array.from({ length: count }, () => this.#record(this.#records++)),
      read,
      before: await read(),
      find: (kind, what) => {
        if (this.#findings.some((each) => each.kind === kind && each.scenario === title)) return;
        this.#findings.push({ kind, scenario: title, text: findingText(kind, title, what) });
      },
    });
    await scene.run(run);
    this.#deaths += scene.deaths;
  }
}
