/** Claims about how things went over time: memory, threads, and the flow of records. Pure. */
import type { Judgement } from './claims.ts';
import type { NumberedServer } from './numbered-server.ts';
import { thousands } from './numbers.ts';
import { median, type Observed, type Sample } from './observed.ts';

export interface MemoryBound {
  readonly withinPercent: number;
  /** @default a third of the time in which there were faults: the rest is warm-up */
  readonly fromMs: number | undefined;
  /** @default when faults were over: who gives out what is left needs memory for that */
  readonly untilMs: number | undefined;
}

const MIB = 1 << 20;
/** Of the usual number of records: what a batch must have. */
const LEAST_PART = 0.25;
/** Samples that say how many threads there are in the end. */
const LAST_SAMPLES = 5;
const LEAST_SAMPLES = 9;

/**
 * What a process needs goes up and down with its collectors, so two measures must hold: the median of the window's second
 * half against that of its first, which doesn't see single peaks, and a straight line through all of it, which sees a
 * steady rise.
 */
export function memoryFlat(
  { withinPercent, fromMs, untilMs }: MemoryBound,
  { samples, metrics, durationMs, quietMs }: Observed,
): Judgement {
  const claim = `memory flat within ${withinPercent} %`;
  const [from, until] = [fromMs ?? quietMs / 3, untilMs ?? quietMs];
  const window = samples.filter(({ atMs }) => atMs >= from && atMs <= until);
  if (window.length < LEAST_SAMPLES) return { claim, ok: false, found: 'too few samples' };
  const half = window.length >> 1;
  const [before, behind] = [window.slice(0, half), window.slice(half)].map((each) =>
    median(each.map(({ bytes }) => bytes)),
  );
  const percent = (100 * (behind! - before!)) / before!;
  const line = lineThrough(window);
  const linePercent = (100 * line.growth) / line.from;
  // Recoveries are spread over the run.
  const restarts = ((metrics?.restarts ?? 0) * (until - from)) / durationMs;
  const each = restarts < 10 ? '' : `, ${(line.growth / MIB / restarts).toFixed(2)} MiB a recovery`;
  return {
    claim,
    ok: percent <= withinPercent && linePercent <= withinPercent,
    found:
      `${Math.round(before! / MIB)} MiB, then ${Math.round(behind! / MIB)} MiB (${percent.toFixed(1)} %); ` +
      `by a straight line ${linePercent.toFixed(1)} %${each}`,
  };
}

/** Least squares: what it begins with, and what it has grown by in the end. */
function lineThrough(samples: readonly Sample[]): {
  readonly from: number;
  readonly growth: number;
} {
  const n = samples.length;
  const meanMs = samples.reduce((sum, { atMs }) => sum + atMs, 0) / n;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n;
  let products = 0;
  let squares = 0;
  for (const { atMs, bytes } of samples) {
    products += (atMs - meanMs) * (bytes - meanBytes);
    squares += (atMs - meanMs) ** 2;
  }
  const slope = squares === 0 ? 0 : products / squares;
  return {
    from: meanBytes + slope * (samples[0]!.atMs - meanMs),
    growth: slope * (samples[n - 1]!.atMs - samples[0]!.atMs),
  };
}

export function threadsFlat({ samples, faults }: Observed): Judgement {
  const claim = 'no more threads in the end than at first';
  const firstMs = Math.min(...faults.map(({ doneMs }) => doneMs ?? Infinity));
  const before = samples.filter(({ atMs }) => atMs < firstMs).map(({ threads }) => threads);
  const behind = samples.slice(-LAST_SAMPLES).map(({ threads }) => threads);
  if (before.length === 0 || behind.length === 0)
    return { claim, ok: false, found: 'too few samples' };
  const [first, last] = [Math.max(...before), Math.min(...behind)];
  return { claim, ok: last <= first, found: `${first}, in the end ${last}` };
}

export function neverPauses(
  server: NumberedServer,
  stream: string,
  { outputs, served }: Observed,
): Judgement {
  const nth = [...served.keys()].indexOf(server) + 1;
  const name = server.name === '' ? `server ${nth}` : `server ${server.name.replace(/:$/, '')}`;
  const claim = `${name} never pauses in ${stream}`;
  const counts = outputs.get(stream)?.perBatch(server) ?? [];
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  // The first and the last batch have what there was of them.
  const whole = counts.slice(first + 1, Math.max(first + 1, last));
  if (whole.length === 0) return { claim, ok: false, found: 'it has no whole batch' };
  const usual = median(whole);
  const least = Math.min(...whole);
  return {
    claim,
    ok: least >= LEAST_PART * usual,
    found: `${whole.length} batches of usually ${thousands(usual)} records, at least ${thousands(least)}`,
  };
}

export function heldBack(
  {
    atLeastMs,
    server,
  }: { readonly atLeastMs: number; readonly server: NumberedServer | undefined },
  { behind, served }: Observed,
): Judgement {
  const nth = server === undefined ? -1 : [...served.keys()].indexOf(server);
  const most = Math.max(0, ...behind.flatMap((each) => (nth < 0 ? each : each[nth]!)));
  return {
    claim: `the server is held back by at least ${atLeastMs} ms`,
    ok: most >= atLeastMs,
    found: `${Math.round(most)} ms`,
  };
}
