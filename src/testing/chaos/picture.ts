/**
 * A chaos run as a picture (SVG): records a second, memory, and how late batches were, over time; each fault is a line
 * with its name, and what it took to recover is shaded behind it. Pure.
 */
import { thousands } from './numbers.ts';
import type { TimelineEntry } from './observed.ts';
import type { ChaosReport } from './report.ts';

const WIDTH = 1000;
const LEFT = 78;
const RIGHT = 24;
const LABEL_ROWS = 5;
/** Of the throughput. */
const STEPS = 60;
const LEAST_STEP_MS = 500;
const LABEL_HEIGHT = 13;
const TOP = 64 + (LABEL_ROWS + 1) * LABEL_HEIGHT;
const GAP = 34;
/** Heights of the charts. */
const HEIGHTS = [150, 80, 80] as const;
const CLAIM_HEIGHT = 16;
/** A line of text has no more characters than this. */
const TEXT_COLUMNS = 150;

/** Each on white, and on the ground that a dark scheme has. */
const COLOURS = {
  ground: ['#ffffff', '#0d1117'],
  ink: ['#111827', '#e6edf3'],
  dim: ['#4b5563', '#9ca3af'],
  grid: ['#e5e7eb', '#30363d'],
  good: ['#047857', '#3fb950'],
  bad: ['#b91c1c', '#ff7b72'],
  fault: ['#dc2626', '#f85149'],
  recovery: ['#fca5a5', '#da3633'],
  flow: ['#2563eb', '#58a6ff'],
  late: ['#b45309', '#e3b341'],
  memory: ['#047857', '#56d364'],
} as const;

type Colour = keyof typeof COLOURS;

/** Attributes hold where style sheets don't count; these take over in a dark scheme. */
const STYLE: string = `<style>@media (prefers-color-scheme: dark) { ${Object.entries(COLOURS)
  .map(([name, [, dark]]) => `.f-${name} { fill: ${dark} } .s-${name} { stroke: ${dark} }`)
  .join(' ')} }</style>`;

const fill = (colour: Colour): string => `class="f-${colour}" fill="${COLOURS[colour][0]}"`;
const stroke = (colour: Colour): string => `class="s-${colour}" stroke="${COLOURS[colour][0]}"`;

interface Point {
  readonly atMs: number;
  readonly y: number;
}

interface Chart {
  readonly title: string;
  readonly points: readonly Point[];
  readonly unit: (y: number) => string;
  readonly colour: Colour;
  readonly bars?: boolean;
}

/** A whole SVG document. */
export function pictureOf(report: ChaosReport): string {
  const { durationMs, batches, samples, timeline, claims, job, seed, ok } = report;
  const endMs = Math.max(durationMs, 1);
  const x = (ms: number): number =>
    LEFT + (Math.min(Math.max(ms, 0), endMs) / endMs) * (WIDTH - LEFT - RIGHT);
  const charts: readonly Chart[] = [
    {
      title: 'records a second',
      points: throughput(report),
      unit: (y) => short(y),
      colour: 'flow',
    },
    {
      title: 'batch out after, ms',
      points: batches.map(({ atMs, delayMs }) => ({ atMs, y: delayMs })),
      unit: (y) => short(y),
      colour: 'late',
      bars: true,
    },
    {
      title: 'memory, MiB',
      points: samples.map(({ atMs, bytes }) => ({ atMs, y: bytes / 2 ** 20 })),
      unit: (y) => short(y),
      colour: 'memory',
    },
  ];
  const bottom = TOP + HEIGHTS.reduce((sum, height) => sum + height + GAP, 0);
  const height = bottom + 26 + claims.length * CLAIM_HEIGHT + 16;
  const parts: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="Helvetica, Arial, sans-serif" font-size="11">`,
    STYLE,
    `<rect width="${WIDTH}" height="${height}" ${fill('ground')}/>`,
    text(
      LEFT,
      24,
      `${job}: ${ok ? 'all claims hold' : `${report.failed.length} of ${claims.length} claims failed`}`,
      `font-size="16" font-weight="bold" ${fill(ok ? 'good' : 'bad')}`,
    ),
    text(
      LEFT,
      42,
      `${(durationMs / 1000).toFixed(1)} s, ${timeline.length} faults, ${report.deaths} deaths, ${report.restarts} recoveries, seed ${seed}`,
      fill('dim'),
    ),
  ];
  parts.push(...faultLines(timeline, x, bottom - GAP));
  let top = TOP;
  charts.forEach((chart, n) => {
    parts.push(...drawn(chart, x, top, HEIGHTS[n]!, endMs));
    top += HEIGHTS[n]! + GAP;
  });
  parts.push(...timeAxis(endMs, x, bottom - GAP));
  claims.forEach(({ claim, ok: holds, found }, n) => {
    const y = bottom + 26 + n * CLAIM_HEIGHT;
    parts.push(
      text(
        LEFT - 46,
        y,
        holds ? 'ok' : 'FAIL',
        `font-weight="bold" ${fill(holds ? 'good' : 'bad')}`,
      ),
    );
    parts.push(text(LEFT, y, cut(`${claim}: ${found}`)));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

/** In steps of time: what was held up shows as a gap and then a peak. */
function throughput({ batches, durationMs }: ChaosReport): Point[] {
  const stepMs = Math.max(LEAST_STEP_MS, durationMs / STEPS);
  const sums = Array<number>(Math.max(1, Math.ceil(durationMs / stepMs))).fill(0);
  for (const { atMs, records } of batches) {
    const step = Math.min(sums.length - 1, Math.max(0, Math.floor(atMs / stepMs)));
    sums[step] = sums[step]! + records;
  }
  return sums.map((sum, n) => ({ atMs: (n + 0.5) * stepMs, y: (sum * 1000) / stepMs }));
}

/** Shades of the recoveries, a line a fault, and its name in the first row with room. */
function faultLines(
  timeline: readonly TimelineEntry[],
  x: (ms: number) => number,
  bottom: number,
): string[] {
  const parts: string[] = [];
  const rowEnds = Array<number>(LABEL_ROWS).fill(-Infinity);
  // Many lines must not hide what is behind them.
  const opacity = Math.min(0.7, 20 / timeline.length).toFixed(2);
  for (const { atMs, recoveryMs } of timeline) {
    if (recoveryMs === undefined) continue;
    const from = x(atMs);
    parts.push(
      `<rect x="${from.toFixed(1)}" y="${TOP}" width="${Math.max(1, x(atMs + recoveryMs) - from).toFixed(1)}" height="${bottom - TOP}" ${fill('recovery')} fill-opacity="${Math.min(0.35, 10 / timeline.length).toFixed(2)}"/>`,
    );
  }
  for (const { atMs, fault } of timeline) {
    const at = x(atMs);
    const width = fault.length * 5.6;
    const start = Math.min(at + 3, WIDTH - RIGHT - width);
    const row = rowEnds.findIndex((end) => end < start);
    parts.push(
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP - (row < 0 ? 0 : (row + 2) * LABEL_HEIGHT)}" y2="${bottom}" ${stroke('fault')} stroke-opacity="${opacity}"/>`,
    );
    // Where faults come thick and fast, the lines alone must do.
    if (row < 0) continue;
    rowEnds[row] = start + width + 8;
    parts.push(
      text(start, TOP - (row + 1) * LABEL_HEIGHT - 4, fault, `${fill('bad')} font-size="10"`),
    );
  }
  return parts;
}

function drawn(
  { title, points, unit, colour, bars }: Chart,
  x: (ms: number) => number,
  top: number,
  height: number,
  endMs: number,
): string[] {
  const most = niceAbove(Math.max(0, ...points.map(({ y }) => y)));
  const at = (y: number): number => top + height - (y / most) * height;
  const parts = [text(LEFT, top - 5, title, fill('dim'))];
  for (const part of [0, 0.5, 1]) {
    const y = at(part * most);
    parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" ${stroke('grid')}/>`);
    parts.push(
      text(LEFT - 6, y + 4, unit(part * most), `text-anchor="end" ${fill('dim')} font-size="10"`),
    );
  }
  if (points.length === 0) return parts;
  if (bars === true) {
    const width = Math.max(
      1.5,
      Math.min(8, ((WIDTH - LEFT - RIGHT) / endMs) * (endMs / points.length) * 0.5),
    );
    for (const { atMs, y } of points) {
      parts.push(
        `<rect x="${(x(atMs) - width / 2).toFixed(1)}" y="${at(y).toFixed(1)}" width="${width.toFixed(1)}" height="${(top + height - at(y)).toFixed(1)}" ${fill(colour)}/>`,
      );
    }
    return parts;
  }
  const path = points.map(({ atMs, y }) => `${x(atMs).toFixed(1)},${at(y).toFixed(1)}`).join(' ');
  parts.push(`<polyline points="${path}" fill="none" ${stroke(colour)} stroke-width="1.6"/>`);
  return parts;
}

function timeAxis(endMs: number, x: (ms: number) => number, y: number): string[] {
  const step = niceAbove(endMs / 10);
  const parts: string[] = [];
  for (let ms = 0; ms <= endMs; ms += step) {
    parts.push(
      text(
        x(ms),
        y + 16,
        `${Number((ms / 1000).toFixed(1))} s`,
        `text-anchor="middle" ${fill('dim')} font-size="10"`,
      ),
    );
  }
  return parts;
}

/** 1, 2 or 5 times a power of ten. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((each) => each * power >= value) ?? 10);
}

function short(y: number): string {
  return y >= 10 || y === 0 ? thousands(y) : String(Number(y.toFixed(1)));
}

function cut(line: string): string {
  return line.length <= TEXT_COLUMNS ? line : `${line.slice(0, TEXT_COLUMNS)}…`;
}

function text(x: number, y: number, content: string, attributes: string = fill('ink')): string {
  const safe = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${safe}</text>`;
}
