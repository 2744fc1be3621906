/**
 * What came out of a simulated run, held against what went in.
 *
 * C1  Every record that a source published lies on the edges once, in order, and none is missing before it.
 * C2  Every batch that was not given up was reported by every output, and the first report is what the model makes of the
 *     records between its barriers. User functions of outputs were given the same, each time that they were called.
 * C3  What is reported again is the same again.
 * C4  Batch times follow each other without a hole; all edges carry the same barriers.
 * C5  What outputs of a topology came to in all is what its guarantee says (`whole.ts`).
 * C6  What is committed to a store under one id is the same each time.
 */
import type { TaskEvent } from '../../actors/task.ts';
import type { MemoryDisk } from '../../env/memory-disk.ts';
import { idOf } from './jobs.ts';
import type { EdgeHistory, History } from './history.ts';
import type { OutputModel, SimJob } from './sim-job.ts';
import type { Feed, FeedEnding } from './sim-sources.ts';
import type { SimStore } from './sim-store.ts';
import { checkWhole } from './whole.ts';

export interface LedgerOptions {
  readonly job: SimJob;
  readonly history: History;
  readonly feeds: readonly Feed[];
  readonly batchIntervalMs: number;
  readonly store: SimStore;
}

/** How a run ended. */
export interface Ending extends FeedEnding {
  /** Records at which a user function always threw. */
  readonly poisoned: ReadonlySet<number>;
  /** What the policy says of batches that always fail. */
  readonly step: boolean;
  /** Where sinks have written files. */
  readonly disk: MemoryDisk;
}

type Sources = readonly (readonly EdgeHistory[])[];

/** A batch, by source and partition. */
type Content = readonly (readonly (readonly unknown[])[])[];

export interface Collected {
  readonly name: string;
  readonly barrier: number;
  readonly time: number;
  readonly partitions: readonly (readonly unknown[])[];
}

export class Ledger {
  #options: LedgerOptions;
  /** By output name and barrier. */
  #reports = new Map<string, Map<number, string>>();
  #deliveries: { readonly output: string; readonly time: number; readonly rows: string }[] = [];
  #seen: { readonly output: string; readonly row: unknown }[] = [];
  #newest = new Map<number, number>();
  /** What was told of barriers up to here may have been on its way to a process that died. */
  #untoldUntil = 0;
  #lives = 0;
  /** What tasks counted (`TaskEvent`); said again, it is counted again. */
  readonly counted: Record<string, number> = {};
  /** What was collected, in the order in which it was first told. */
  collected: Collected[] = [];

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** A life of the process begins behind that barrier. */
  begin(start: number): void {
    this.#lives++;
    this.#newest.clear();
    this.#untoldUntil = start;
    // Where a batch that runs again may come to something else, what the process knew of it died with it.
    const { job } = this.#options;
    const isKept = (name: string, barrier: number): boolean =>
      barrier <= start || isRepeatable(job, name);
    for (const [name, reports] of this.#reports)
      for (const barrier of reports.keys()) if (!isKept(name, barrier)) reports.delete(barrier);
    this.collected = this.collected.filter(({ name, barrier }) => isKept(name, barrier));
  }

  /** A report as the embedding process hears it. Gives what is wrong with it. */
  reported(event: TaskEvent): string | undefined {
    if (event.type === 'counted') {
      this.counted[event.what] = (this.counted[event.what] ?? 0) + event.count;
      return undefined;
    }
    if (event.type !== 'collected' && event.type !== 'printed') return undefined;
    const first = event.barrier > (this.#newest.get(event.output) ?? 0);
    if (first) this.#newest.set(event.output, event.barrier);
    if (event.type === 'printed') return undefined;
    const { name, barrier } = event;
    const { job } = this.#options;
    const rows = canonical(job.outputs[name], event.partitions.flat());
    let byBarrier = this.#reports.get(name);
    if (byBarrier === undefined) this.#reports.set(name, (byBarrier = new Map()));
    const before = byBarrier.get(barrier);
    if (before === undefined) {
      if (!first && barrier > this.#untoldUntil)
        return `C2: '${name}' was told of barrier ${barrier} for the first time behind a newer one`;
      byBarrier.set(barrier, rows);
      const { time, partitions } = event;
      this.collected.push({ name, barrier, time, partitions });
      return undefined;
    }
    return before === rows || !isRepeatable(job, name)
      ? undefined
      : `C3: '${name}' of barrier ${barrier} was ${before} and is ${rows} now`;
  }

  seen(output: string, row: unknown): void {
    this.#seen.push({ output, row });
  }

  delivered(output: string, time: number, rows: readonly unknown[]): void {
    this.#deliveries.push({
      output,
      time,
      rows: canonical(this.#options.job.outputs[output], rows),
    });
  }

  /** Gives all that is wrong at the end. */
  check(ending: Ending): string[] {
    const sources = this.#options.history.settled();
    return [
      ...this.#checkPublished(sources, ending),
      ...this.#checkTimes(sources, ending),
      ...this.#checkReports(sources, ending),
      ...this.#checkWholes(ending),
      ...this.#options.store.faults,
    ];
  }

  /** What each source gave before the last batch barrier, in the order of its edges. */
  get records(): readonly (readonly unknown[])[] {
    return this.#options.history
      .settled()
      .map((edges) =>
        edges.flatMap(({ batches }) => [...batches.values()].flatMap((b) => b.records)),
      );
  }

  #checkPublished(sources: Sources, ending: Ending): string[] {
    return this.#options.feeds.flatMap((feed, source) =>
      feed.check(sources[source]!, ending).map((wrong) => `C1: source ${source}: ${wrong}`),
    );
  }

  #checkTimes(sources: Sources, { step }: Ending): string[] {
    const wrong: string[] = [];
    const [first, ...others] = sources.flat();
    const numbers = JSON.stringify(first!.barriers);
    for (const other of others) {
      if (JSON.stringify(other.barriers) !== numbers)
        wrong.push(
          `C4: edge ${other.edge} carries other barriers than edge ${first!.edge}: ${JSON.stringify(other.barriers)} and ${numbers}`,
        );
    }
    first!.barriers.forEach(({ number }, n) => {
      if (number !== n + 1) wrong.push(`C4: barrier ${number} is the ${n + 1}th`);
    });
    const times = first!.barriers.filter(({ batch }) => batch).map(({ time }) => time);
    times.forEach((time, n) => {
      if (n > 0 && time !== times[n - 1]! + this.#options.batchIntervalMs)
        wrong.push(`C4: a batch at ${time} ms follows one at ${times[n - 1]} ms`);
    });
    const lasts = first!.barriers.filter(({ last }) => last);
    // Drained before it began, a job does nothing.
    const isEnded = first!.barriers.at(-1)?.last === true;
    // A process may die when all is done, and the next one goes on behind that.
    if (first!.barriers.length > 0 && (!isEnded || (lasts.length > 1 && this.#lives === 1)))
      wrong.push(`C4: there are ${lasts.length} last barriers`);
    if (step && lasts[0]?.batch === true) wrong.push('C4: in step, the last barrier is no batch');
    return wrong;
  }

  #checkWholes({ early, disk }: Ending): string[] {
    const { outputs, topology } = this.#options.job;
    if (topology === undefined) return [];
    const { records, counted } = this;
    return Object.entries(outputs).flatMap(([name, model]) => {
      const { whole, as = (row: unknown) => row } = model;
      if (whole === undefined) return [];
      const got = this.#wholeOf(name, model, disk).map(as);
      const want = whole(records).map(as);
      const isOurs = model.files === undefined && model.plain !== true && model.stored !== true;
      const isUntold = isOurs && this.#isUntold(name);
      const restarted = this.#lives > 1;
      // What it showed of records that were lost with the process, or that it was ended before it read again, was shown.
      if (restarted && model.plain === true) return [];
      const wrong = checkWhole({ topology, early, restarted, isUntold, counted, want, got });
      return wrong.map((each) => `C5: '${name}': ${each}`);
    });
  }

  #wholeOf(name: string, { files, plain, stored }: OutputModel, disk: MemoryDisk): unknown[] {
    if (files !== undefined) return linesIn(disk, files);
    if (stored === true) return this.#options.store.rowsOf(name);
    return plain === true
      ? this.#seen.flatMap(({ output, row }) => (output === name ? [row] : []))
      : this.#rowsOf(name);
  }

  /** Something was on its way to a process that died, and is not said again: its batch is durable. */
  #isUntold(name: string): boolean {
    const told = this.#reports.get(name);
    const batches = this.#options.history.edgesOf(0)[0]?.batches.keys() ?? [];
    return [...batches].some((number) => number <= this.#untoldUntil && told?.has(number) !== true);
  }

  #rowsOf(name: string): unknown[] {
    return this.collected.flatMap((each) => (each.name === name ? each.partitions.flat() : []));
  }

  #checkReports(sources: Sources, { poisoned }: Ending): string[] {
    const wrong: string[] = [];
    const { job } = this.#options;
    const before: unknown[][] = sources.map(() => []);
    const earlier: Content[] = [];
    for (const { number, batch, time } of sources[0]![0]!.barriers) {
      if (!batch) continue;
      const content = sources.map((edges) => {
        const parts = edges.map(({ batches }) => batches.get(number)!);
        return parts.some(({ absent }) => absent) ? null : parts.map(({ records }) => records);
      });
      const absent = content.includes(null);
      const givenUp = content
        .flat(2)
        .some((record) => record !== null && poisoned.has(idOf(record)));
      for (const [name, model] of Object.entries(job.outputs)) {
        if (model.rows === undefined) continue;
        const want = absent
          ? undefined
          : canonical(model, model.rows(content as never, before, earlier));
        const delivered = this.#deliveries.filter(
          (one) => one.output === name && one.time === time,
        );
        const got =
          job.foreach?.includes(name) === true
            ? delivered[0]?.rows
            : this.#reports.get(name)?.get(number);
        if (got === undefined && (givenUp || number <= this.#untoldUntil)) continue;
        if (got !== want)
          wrong.push(
            `C2: '${name}' of barrier ${number} at ${time} ms is ${got}, and the model says ${want}`,
          );
        for (const { rows } of delivered)
          if (rows !== want)
            wrong.push(
              `C2: '${name}' at ${time} ms was called with ${rows}, and the model says ${want}`,
            );
      }
      // One that was given up came to nothing.
      const came: Content = content.map((parts) => (givenUp || parts === null ? [] : parts));
      came.forEach((parts, source) => before[source]!.push(...parts.flat()));
      earlier.push(came);
    }
    return wrong;
  }
}

/** Whether a batch that runs again must give the same. */
function isRepeatable({ topology, outputs }: SimJob, name: string): boolean {
  if (topology === undefined) return true;
  const { guarantee, timed } = topology;
  return guarantee === 'exactly-once' && timed !== true && outputs[name]?.rows !== undefined;
}

/** What complete files hold. */
function linesIn(disk: MemoryDisk, directory: string): unknown[] {
  return disk
    .paths()
    .filter((path) => path.startsWith(`${directory}/`) && !path.startsWith(`${directory}/.`))
    .flatMap((path) => Buffer.from(disk.read(path)).toString().split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as unknown);
}

function canonical(model: OutputModel | undefined, rows: readonly unknown[]): string {
  if (model?.ordered === true) return JSON.stringify(rows);
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .join(' ');
}
