/**
 * What came out of a simulated run, held against what went in.
 *
 * C1  Every record that a source published lies on the edges once, in order, and none is missing before it.
 * C2  Every batch that was not given up was reported by every output, and the first report is what the model makes of the
 *     records between its barriers. User functions of outputs were given the same, each time that they were called.
 * C3  What is reported again is the same again.
 * C4  Batch times follow each other without a hole; all edges carry the same barriers.
 */
import type { TaskEvent } from '../../actors/task.ts';
import { splitRows } from '../../io/partitions.ts';
import type { Plan } from '../../plan/planned.ts';
import { idOf, type OutputModel, type SimJob } from './jobs.ts';
import type { EdgeObserver } from './observer.ts';
import { RowsFeed, TextFeed, type Feed } from './sim-sources.ts';

export interface LedgerOptions {
  readonly job: SimJob;
  readonly plan: Plan;
  readonly observers: ReadonlyMap<number, EdgeObserver>;
  readonly feeds: readonly Feed[];
  readonly batchIntervalMs: number;
}

/** How a run ended. */
export interface Ending {
  /** Sources were cut short. */
  readonly early: boolean;
  /** Records at which a user function always threw. */
  readonly poisoned: ReadonlySet<number>;
  /** What the policy says of batches that always fail. */
  readonly step: boolean;
  /** Writes of the sources' thread failed. */
  readonly diskFaults: boolean;
}

export class Ledger {
  #options: LedgerOptions;
  /** By output name and barrier. */
  #reports = new Map<string, Map<number, string>>();
  #deliveries: { readonly output: string; readonly time: number; readonly rows: string }[] = [];
  #newest = new Map<number, number>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** A report as the embedding process hears it. Gives what is wrong with it. */
  reported(event: TaskEvent): string | undefined {
    if (event.type === 'counted' || event.type === 'wrote') return undefined;
    const first = event.barrier > (this.#newest.get(event.output) ?? 0);
    if (first) this.#newest.set(event.output, event.barrier);
    if (event.type === 'printed') return undefined;
    const { name, barrier } = event;
    const rows = canonical(this.#options.job.outputs[name], event.partitions.flat());
    let byBarrier = this.#reports.get(name);
    if (byBarrier === undefined) this.#reports.set(name, (byBarrier = new Map()));
    const before = byBarrier.get(barrier);
    if (before === undefined) {
      if (!first)
        return `C2: '${name}' was told of barrier ${barrier} for the first time behind a newer one`;
      byBarrier.set(barrier, rows);
      return undefined;
    }
    return before === rows
      ? undefined
      : `C3: '${name}' of barrier ${barrier} was ${before} and is ${rows} now`;
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
    return [
      ...this.#checkPublished(ending),
      ...this.#checkTimes(ending),
      ...this.#checkReports(ending),
    ];
  }

  #edgesOf(source: number): EdgeObserver[] {
    return this.#options.plan.wiring.sources[source]!.outputs.map((edge) =>
      this.#options.observers.get(edge)!,
    );
  }

  #checkPublished(ending: Ending): string[] {
    const wrong: string[] = [];
    this.#options.feeds.forEach((feed, source) => {
      const edges = this.#edgesOf(source);
      if (feed instanceof TextFeed) {
        const ids = edges.flatMap(({ published }) => published.map(idOf));
        const sorted = ids.toSorted((a, b) => a - b);
        const hole = sorted.findIndex((id, n) => id !== n);
        if (hole >= 0)
          wrong.push(
            `C1: source ${source} published record ${sorted[hole]} where ${hole} was to come: ${ids.join()}`,
          );
        for (const { edge, published } of edges) {
          const at = published.findIndex(
            (record, n) => n > 0 && idOf(record) <= idOf(published[n - 1]),
          );
          if (at >= 0)
            wrong.push(
              `C1: edge ${edge} carries record ${idOf(published[at])} behind ${idOf(published[at - 1])}`,
            );
        }
        const taken = edges.reduce(
          (total, { batches }) =>
            total + [...batches.values()].reduce((sum, { records }) => sum + records.length, 0),
          0,
        );
        if (!ending.early && taken !== feed.lines.length)
          wrong.push(
            `C1: source ${source} has ${feed.lines.length} records, and ${taken} lie before the last barrier`,
          );
      } else if (feed instanceof RowsFeed) {
        let given = 0;
        for (const barrier of edges[0]!.barriers.filter(({ batch }) => batch)) {
          const rows = feed.batchAt(barrier.time, given++);
          const want = splitRows(rows ?? [], edges.length);
          const got = edges.map(({ batches }) => batches.get(barrier.number)?.records ?? []);
          const nothing = got.every((records) => records.length === 0);
          if (JSON.stringify(got) === JSON.stringify(want)) continue;
          // A batch that intake no longer reached is empty, and one before which a queue could not note what it would give.
          // A queue then gives that later, or never.
          if (nothing && (ending.early || barrier.last || (feed.isQueue && ending.diskFaults)))
            given -= feed.isQueue ? 1 : 0;
          else
            wrong.push(
              `C1: barrier ${barrier.number} at ${barrier.time} ms closes ${JSON.stringify(got)} of source ${source}, not ${JSON.stringify(want)}`,
            );
        }
      }
    });
    return wrong;
  }

  #checkTimes({ step }: Ending): string[] {
    const wrong: string[] = [];
    const [first, ...others] = [...this.#options.observers.values()];
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
    if (lasts.length !== 1 && first!.barriers.length > 0)
      wrong.push(`C4: there are ${lasts.length} last barriers`);
    if (step && lasts[0]?.batch === true) wrong.push('C4: in step, the last barrier is no batch');
    return wrong;
  }

  #checkReports({ poisoned }: Ending): string[] {
    const wrong: string[] = [];
    const { job, plan, observers } = this.#options;
    const first = observers.values().next().value!;
    for (const { number, batch, time } of first.barriers) {
      if (!batch) continue;
      const content = plan.wiring.sources.map(({ outputs }) => {
        const parts = outputs.map((edge) => observers.get(edge)!.batches.get(number)!);
        return parts.some(({ absent }) => absent) ? null : parts.map(({ records }) => records);
      });
      const absent = content.includes(null);
      const givenUp = content
        .flat(2)
        .some((record) => record !== null && poisoned.has(idOf(record)));
      for (const [name, model] of Object.entries(job.outputs)) {
        const want = absent ? undefined : canonical(model, model.rows(content as never));
        const delivered = this.#deliveries.filter(
          (one) => one.output === name && one.time === time,
        );
        const got =
          job.foreach?.includes(name) === true
            ? delivered[0]?.rows
            : this.#reports.get(name)?.get(number);
        if (got === undefined && givenUp) continue;
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
    }
    return wrong;
  }
}

function canonical(model: OutputModel | undefined, rows: readonly unknown[]): string {
  if (model?.ordered === true) return JSON.stringify(rows);
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .join(' ');
}
