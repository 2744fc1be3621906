/**
 * The demo's screen as text: a pure function of what is shown and how large the terminal is.
 *
 * I1  As many lines as the terminal has rows, at most; none is wider than it has columns.
 * I2  What falls away first when there is little room: old batches, messages, threads; never the title and the keys.
 */
import { msText, thousands, timeText } from '../event-log.ts';
import type { DemoBatch, DemoView } from './demo-model.ts';

export interface TableSize {
  readonly columns: number;
  readonly rows: number;
  /** Whether the terminal shows colours. */
  readonly color: boolean;
}

type Style = 'plain' | 'bold' | 'dim' | 'good' | 'bad';

/** A piece of a line: styles take no room, so they are put on after the line has been cut. */
type Piece = readonly [text: string, style?: Style];
type Line = readonly Piece[];

const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  good: '32',
  bad: '31',
};

export const KEYS =
  'k kill a worker · t throw · e exit · o out of memory · l loop · s sources · c coordinator · q quit';

const MIN_BATCHES = 3;
const MAX_MESSAGES = 5;

export function demoTable(view: DemoView, size: TableSize): string[] {
  const head = [...titleLines(view), []];
  const threads = threadLines(view);
  const foot: Line[] = [[[KEYS, 'dim']]];
  const room = size.rows - head.length - foot.length;
  const threadRoom = Math.max(0, Math.min(threads.length + 1, room - MIN_BATCHES - 2));
  const messageRoom = Math.max(0, Math.min(MAX_MESSAGES + 1, room - threadRoom - MIN_BATCHES - 2));
  const batchRoom = Math.max(0, room - threadRoom - messageRoom);
  const lines: Line[] = [
    ...head,
    ...beside(batchLines(view, batchRoom - 1), topLines(view, batchRoom - 1), size.columns),
    ...block(threads, threadRoom),
    ...block(messageLines(view, messageRoom - 1), messageRoom),
    ...foot,
  ];
  return lines.slice(0, size.rows).map((line) => paint(line, size));
}

function titleLines(view: DemoView): Line[] {
  const { totals, killed, recovered, lastRecoveryMs } = view;
  const last = lastRecoveryMs === undefined ? '' : `, the last in ${msText(lastRecoveryMs)}`;
  return [
    [
      [view.title, 'bold'],
      [`   ${view.phase} `],
      [`${(view.elapsedMs / 1000).toFixed(0)} s`, 'bold'],
      [`   source ${view.source}`],
    ],
    [
      [
        `${thousands(totals.lines)} lines   ${thousands(totals.words)} words   ${thousands(totals.distinct)} distinct   `,
      ],
      [`killed ${killed}`, killed > 0 ? 'bad' : 'plain'],
      ['   '],
      [`recovered ${recovered}${last}`, recovered > 0 ? 'good' : 'plain'],
    ],
  ];
}

const BATCH_HEAD = 'BATCH        LINES/S   PROCESSING      DELAY';

/** Newest first: what is new stands still at the top. */
function batchLines(view: DemoView, room: number): Line[] {
  if (room < 1) return [];
  const rows = view.batches.slice(Math.max(0, view.batches.length - (room - 1))).reverse();
  const waiting: Line[] =
    rows.length === 0 && room > 1 ? [[['waiting for the first batch', 'dim']]] : [];
  return [
    [[BATCH_HEAD, 'dim']],
    ...rows.map((batch) => [[batchRow(batch, view.intervalMs)] as const]),
    ...waiting,
  ];
}

function batchRow({ time, lines, processingMs, delayMs }: DemoBatch, intervalMs: number): string {
  const rate = thousands((lines * 1000) / intervalMs);
  return `${timeText(time).padEnd(8)} ${rate.padStart(11)} ${msText(processingMs).padStart(12)} ${msText(delayMs).padStart(10)}`;
}

function topLines(view: DemoView, room: number): Line[] {
  if (room < 1) return [];
  const rows = view.top
    .slice(0, room - 1)
    .map(([word, count]): Line => [[`${word.padEnd(12)} ${thousands(count).padStart(13)}`]]);
  return [[['TOP WORDS', 'dim']], ...rows];
}

/** Two blocks in two columns, if they fit, with an empty line behind. */
function beside(left: readonly Line[], right: readonly Line[], columns: number): Line[] {
  const gap = BATCH_HEAD.length + 4;
  const fits = columns >= gap + 20;
  const count = Math.max(left.length, fits ? right.length : 0);
  const lines: Line[] = [];
  for (let i = 0; i < count; i++) {
    const line = left[i] ?? [];
    const more = fits ? right[i] : undefined;
    if (more === undefined) lines.push(line);
    else lines.push([...line, [' '.repeat(Math.max(1, gap - widthOf(line)))], ...more]);
  }
  return lines.length === 0 ? [] : [...lines, []];
}

function threadLines(view: DemoView): Line[] {
  const rows = view.threads.map(({ slot, role, state, restarts, lastExit }): Line => {
    const name = role === 'worker' ? `worker (thread ${slot})` : `${role} (thread ${slot})`;
    const style: Style = state === 'down' ? 'bad' : state === 'up' ? 'good' : 'plain';
    return [
      [`${name.padEnd(24)} `],
      [state.padEnd(9), style],
      [String(restarts).padStart(8)],
      [`  ${lastExit ?? ''}`],
    ];
  });
  return [[['THREAD                   STATE     RESTARTS  LAST DIED OF', 'dim']], ...rows];
}

function messageLines(view: DemoView, room: number): Line[] {
  return room < 1 ? [] : view.messages.slice(-room).map((text) => [[text]]);
}

/** The lines that there is room for, and an empty one behind. */
function block(lines: readonly Line[], room: number): Line[] {
  if (room < 2 || lines.length === 0) return [];
  const left = lines.length - (room - 1);
  if (left <= 0) return [...lines, []];
  return [...lines.slice(0, room - 2), [[`… ${left + 1} more`, 'dim']], []];
}

function widthOf(line: Line): number {
  return line.reduce((width, [text]) => width + text.length, 0);
}

function paint(line: Line, { columns, color }: TableSize): string {
  let left = columns;
  let painted = '';
  for (const [text, style = 'plain'] of line) {
    const shown = text.length <= left ? text : text.slice(0, Math.max(0, left));
    left -= shown.length;
    const code = CODES[style];
    painted += color && code !== '' && shown !== '' ? `\x1b[${code}m${shown}\x1b[0m` : shown;
  }
  return painted;
}
