/** The demo's pure parts: the table, the tally and its check, whom it kills when. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchCompleted } from './batch-event.ts';
import type { DemoView } from '../../src/cli/demo/demo-model.ts';
import { DemoModel } from '../../src/cli/demo/demo-model.ts';
import { demoTable, KEYS } from '../../src/cli/demo/demo-table.ts';
import { killPlan } from '../../src/cli/demo/kill-plan.ts';
import { compare, Tally, topOf } from '../../src/cli/demo/tally.ts';
import { TextLedger } from '../../src/testing/text-ledger.ts';

const view = (over: Partial<DemoView> = {}): DemoView => ({
  title: 'millrace demo',
  phase: 'running',
  elapsedMs: 12_300,
  intervalMs: 1000,
  source: 'connected',
  batches: Array.from({ length: 30 }, (_, i) => ({
    time: i * 1000,
    lines: 100_000 + i,
    words: 1,
    processingMs: 12,
    delayMs: 15,
    top: [],
  })),
  totals: { lines: 3_000_000, words: 30_000_000, distinct: 48_937 },
  top: Array.from({ length: 10 }, (_, i) => [`word${i}`, 1000 - i] as const),
  threads: [
    { slot: 1, role: 'coordinator', state: 'up', restarts: 0 },
    {
      slot: 7,
      role: 'worker',
      state: 'down',
      restarts: 2,
      lastExit: 'oom: its heap reached the limit',
    },
  ],
  killed: 2,
  recovered: 2,
  lastRecoveryMs: 41,
  messages: ['one', 'two', 'three'],
  ...over,
});

// eslint-disable-next-line no-control-regex
const bare = (line: string): string => line.replace(/\x1b\[\d+m/g, '');

describe('the table', () => {
  it('shows batches newest first, the top words beside them, threads, messages and keys', () => {
    const lines = demoTable(view(), { columns: 110, rows: 24, color: false });
    expect(lines[0]).toBe('millrace demo   running 12 s   source connected');
    expect(lines[1]).toBe(
      '3,000,000 lines   30,000,000 words   48,937 distinct   killed 2   recovered 2, the last in 41 ms',
    );
    expect(lines[3]).toMatch(/^BATCH +LINES\/S +PROCESSING +DELAY +TOP WORDS$/);
    expect(lines[4]).toMatch(/ 100,029 +12 ms +15 ms +word0 +1,000$/);
    expect(lines.find((line) => line.startsWith('worker (thread 7)'))).toMatch(
      /down +2 {2}oom: its heap/,
    );
    expect(lines.slice(-5)).toEqual(['one', 'two', 'three', '', KEYS]);
    expect(lines.length).toBeLessThanOrEqual(24);
  });

  it('I1: has at most the rows, and no line is wider than the columns, colours or not', () => {
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 200 }),
      rows: fc.integer({ min: 1, max: 80 }),
      color: fc.boolean(),
    });
    const batches = fc.integer({ min: 0, max: 30 });
    const threads = fc.integer({ min: 0, max: 20 });
    fc.assert(
      fc.property(size, batches, threads, ({ columns, rows, color }, count, many) => {
        const worker = (_: unknown, slot: number) =>
          ({ slot, role: 'worker', state: 'up', restarts: 0 }) as const;
        const lines = demoTable(
          view({
            batches: view().batches.slice(0, count),
            threads: Array.from({ length: many }, worker),
          }),
          { columns, rows, color },
        );
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) expect(bare(line).length).toBeLessThanOrEqual(columns);
        // I2: with less than four rows there is the title only.
        expect(rows < 4 || bare(lines.at(-1)!) === KEYS.slice(0, columns)).toBe(true);
      }),
    );
  });

  it('colours change nothing but colours', () => {
    const size = { columns: 70, rows: 20 };
    const coloured = demoTable(view(), { ...size, color: true });
    expect(coloured.map(bare)).toEqual(demoTable(view(), { ...size, color: false }));
    expect(coloured.join('')).toContain('\x1b[31mdown');
  });
});

describe('the tally against the ledger', () => {
  const ledger = new TextLedger({ loopBytes: 20_000, vocabulary: 50 });
  const served = (lines: number) => ({ bytes: ledger.bytesOf(lines), lines });
  const at = (bytes: number) => ({
    bytes,
    lines: ledger.linesAt(bytes),
    counts: ledger.countsAt(bytes),
  });
  const counted = (lines: number): Tally => {
    const tally = new Tally();
    tally.addCounts([...ledger.countsAt(ledger.bytesOf(lines))]);
    tally.addLines(lines);
    return tally;
  };

  it('I1: a true count is exact at the position that it gives, past any number of loops', () => {
    for (const lines of [0, 1, 100, ledger.linesPerLoop, 3 * ledger.linesPerLoop + 17]) {
      const tally = counted(lines);
      expect(tally.bytes).toBe(ledger.bytesOf(lines));
      expect(compare(tally, at(tally.bytes), served(lines))).toEqual({
        exact: true,
        leftBytes: 0,
        differences: [],
      });
    }
  });

  it('what was served and not counted is told apart from what is wrong', () => {
    const tally = counted(100);
    expect(compare(tally, at(tally.bytes), served(101))).toMatchObject({
      exact: true,
      leftBytes: ledger.bytesOf(101) - ledger.bytesOf(100),
    });
  });

  it.each([
    ['a word lost', (tally: Tally) => tally.addCounts([['vgia', -1]])],
    ['a word counted twice', (tally: Tally) => tally.addCounts([['vgia', 1]])],
    ['a line lost', (tally: Tally) => tally.addLines(-1)],
  ])('%s is found', (_name, spoil) => {
    const tally = counted(300);
    expect(tally.counts.has('vgia')).toBe(true);
    spoil(tally);
    const result = compare(tally, at(tally.bytes), served(300));
    expect(result.exact).toBe(false);
    expect(result.differences.join('\n')).toMatch(/counted \d+/);
  });

  it('the top words are the most frequent, equal ones by name', () => {
    expect(
      topOf(
        [
          ['b', 2],
          ['a', 2],
          ['c', 9],
          ['d', 1],
        ],
        3,
      ),
    ).toEqual([
      ['c', 9],
      ['a', 2],
      ['b', 2],
    ]);
  });
});

describe('the plan of kills', () => {
  it('a worker every so often, each time in another way; sources and coordinator once; none near the end', () => {
    expect(killPlan(10_000, 2_000).map(({ atMs, role, way }) => `${atMs} ${role} ${way}`)).toEqual([
      '2000 worker terminate',
      '3000 sources terminate',
      '4000 worker throw',
      '5000 coordinator terminate',
      '6000 worker exit',
      '8000 worker oom',
    ]);
    expect(killPlan(13_000, 2_000).at(-1)).toEqual({
      atMs: 12_000,
      role: 'worker',
      way: 'terminate',
    });
    expect(killPlan(500, 2_000)).toEqual([]);
  });
});

describe('the model', () => {
  it('a batch is a row when its counts, lines and times are there, in whatever order', () => {
    const model = new DemoModel();
    model.lines(1000, 2);
    model.counts(1000, [
      ['a', 3],
      ['b', 1],
    ]);
    expect(model.takeBatches()).toEqual([]);
    model.event(
      batchCompleted({
        barrier: 1,
        time: 1000,
        records: 2,
        schedulingDelayMs: 0,
        processingMs: 5,
        totalDelayMs: 6,
      }),
      0,
    );
    expect(model.takeBatches()).toEqual([
      {
        time: 1000,
        lines: 2,
        words: 4,
        top: [
          ['a', 3],
          ['b', 1],
        ],
        processingMs: 5,
        delayMs: 6,
      },
    ]);
    expect(model.takeBatches()).toEqual([]);
    expect(model.tally).toMatchObject({ lines: 2, words: 4, bytes: 8 });
  });

  it('a death counts as a kill only if it was asked for', () => {
    const model = new DemoModel();
    model.event({ type: 'actorExited', role: 'worker', slot: 3, reason: 'exit 1' }, 0);
    expect(model.killed).toBe(0);
    model.doom({ slot: 4, role: 'worker', state: 'up', restarts: 0 }, 'spin', 0);
    expect([model.killed, model.doomed]).toEqual([0, 1]);
    model.event({ type: 'actorExited', role: 'worker', slot: 4, reason: 'hang' }, 0);
    expect([model.killed, model.doomed]).toEqual([1, 0]);
  });
});
