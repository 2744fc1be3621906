/** Holds what came out of a simulated run of a user's job against a model, and against the run without faults. Pure. */
import { packValue } from '../../actors/codec.ts';
import type { TopologyFacts } from '../sim/sim-job.ts';
import { checkWhole } from '../sim/whole.ts';
import { shown } from '../verify-stage/findings.ts';

export interface SimulatedBatch {
  /** In ms. */
  readonly time: number;
  readonly values: readonly unknown[];
}

/** A run that a `check` may look at. Plain data. */
export interface SimulatedRun {
  readonly seed: number;
  /** What each source gave up to the last barrier, by its name. */
  readonly records: Readonly<Record<string, readonly unknown[]>>;
  /** Batches of what the job collects, by name, each once. */
  readonly results: Readonly<Record<string, readonly SimulatedBatch[]>>;
  /** Lines of complete files, by path on the simulated disk. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** What was counted: `lost`, `replayed`, what stages count. */
  readonly counted: Readonly<Record<string, number>>;
  readonly batches: number;
  readonly deaths: number;
  /** It was drained before its sources had given all. */
  readonly early: boolean;
}

/** What all batches of each output come to together, by name of the output, in any order. */
export type Model = (
  records: Readonly<Record<string, readonly unknown[]>>,
) => Readonly<Record<string, readonly unknown[]>>;

/** Gives what is wrong: nothing, a sentence, or several. Throwing is wrong too. */
export type Check = (run: SimulatedRun) => void | string | readonly string[];

const STREAMS: TopologyFacts = { guarantee: 'exactly-once' };

export function checkModel(
  run: SimulatedRun,
  model: Model,
  topology: TopologyFacts = STREAMS,
): string[] {
  const { early, counted } = run;
  return Object.entries(model(run.records)).flatMap(([name, want]) => {
    const got = (run.results[name] ?? []).flatMap(({ values }) => values);
    return checkWhole({ topology, early, counted, want, got }).map(
      (wrong) => `model of '${name}': ${wrong}`,
    );
  });
}

export function runCheck(run: SimulatedRun, check: Check): readonly string[] {
  try {
    const said = check(run);
    return said === undefined ? [] : typeof said === 'string' ? [`check: ${said}`] : said;
  } catch (error) {
    return [`check: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** Batch by batch: the same rows, in any order. */
export function compareRuns(run: SimulatedRun, undisturbed: SimulatedRun): string[] {
  const wrong: string[] = [];
  const names = new Set([...Object.keys(run.results), ...Object.keys(undisturbed.results)]);
  for (const name of names) {
    const got = run.results[name] ?? [];
    const want = undisturbed.results[name] ?? [];
    for (let n = 0; n < Math.max(got.length, want.length); n++) {
      if (sorted(got[n]?.values) === sorted(want[n]?.values)) continue;
      wrong.push(
        `batch ${n + 1} of '${name}' is ${shown(got[n]?.values)}, and ${shown(want[n]?.values)} without faults`,
      );
      break;
    }
  }
  return wrong;
}

function sorted(rows: readonly unknown[] | undefined): string {
  if (rows === undefined) return 'none';
  const texts = rows.map((row) => Buffer.from(packValue(row)).toString('latin1'));
  return JSON.stringify(texts.sort());
}
