import { describe, expect, test } from 'vitest';
import { COUNTS, LISTS } from '../../../src/dstream/event-time/aggregate.ts';
import { PaneWindows } from '../../../src/dstream/event-time/pane-windows.ts';
import { SessionWindows } from '../../../src/dstream/event-time/session-windows.ts';
import type { EarlyParams, WindowParams } from '../../../src/dstream/event-time/window.ts';
import type { BatchOperator } from '../../../src/dstream/run/batch-operator.ts';
import { type DrivenBatch, driveOperator, picker, sorted } from './drive-operator.ts';

type Timed = readonly [key: unknown, timed: readonly [time: number, value: number]];

interface Case {
  readonly window: WindowParams;
  readonly latenessMs: number;
  readonly aggregate?: typeof COUNTS;
  readonly early?: EarlyParams;
}

const SUMS = {
  create: (value: number) => value,
  mergeValue: (a: number, b: number) => a + b,
  mergeCombiners: (a: number, b: number) => a + b,
};

function operatorOf({ window, latenessMs, aggregate = SUMS, early }: Case): BatchOperator {
  const options = {
    window,
    aggregate: {
      ...aggregate,
      copy: aggregate === LISTS ? (list: unknown[]) => [...list] : undefined,
    },
    allowedLatenessMs: latenessMs,
    early: early ?? { count: 0, everyMs: 0 },
    isKeyed: true,
    givesLate: true,
    blame: (error: unknown): never => {
      throw error;
    },
    count: () => {},
  };
  return window.kind === 'session'
    ? new SessionWindows(options as ConstructorParameters<typeof SessionWindows>[0])
    : new PaneWindows(options as ConstructorParameters<typeof PaneWindows>[0]);
}

/** All windows of a kind over records, by the book: bounds and values by key. */
function windowsOf(window: WindowParams, records: readonly Timed[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  if (window.kind === 'sliding') {
    for (const [key, [time, value]] of records) {
      const { sizeMs, slideMs, offsetMs } = window;
      const last = Math.floor((time - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let start = last; start > time - sizeMs; start -= slideMs) {
        const id = JSON.stringify({ key, start, end: start + sizeMs });
        found.set(id, [...(found.get(id) ?? []), value]);
      }
    }
    return found;
  }
  const byKey = new Map<unknown, (readonly [number, number])[]>();
  for (const [key, timed] of records) byKey.set(key, [...(byKey.get(key) ?? []), timed]);
  for (const [key, timed] of byKey) {
    let run: (readonly [number, number])[] = [];
    const close = (): void => {
      const id = { key, start: run[0]![0], end: run.at(-1)![0] + window.gapMs };
      found.set(
        JSON.stringify(id),
        run.map(([, value]) => value),
      );
    };
    for (const one of [...timed].sort((a, b) => a[0] - b[0])) {
      if (run.length > 0 && one[0] - run.at(-1)![0] >= window.gapMs) {
        close();
        run = [];
      }
      run.push(one);
    }
    close();
  }
  return found;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Random batches, most records in order within `disorderMs`; the watermark is the greatest time less that. */
function randomBatches(seed: number, lateShare: number): DrivenBatch[] {
  const pick = picker(seed);
  let newest = 0;
  return Array.from({ length: 40 }, (_, n): DrivenBatch => {
    const rows: Timed[] = [];
    for (let i = pick(12); i > 0; i--) {
      const isLate = pick(100) < lateShare;
      const time = Math.max(0, n * 50 + pick(50) - pick(isLate ? 600 : 40));
      newest = Math.max(newest, time);
      rows.push([`k${pick(4)}`, [time, pick(1000) + 0.1]]);
    }
    return { sides: [rows], watermark: pick(5) === 0 ? -Infinity : newest - 90 };
  });
}

const KINDS: readonly (readonly [string, WindowParams])[] = [
  ['tumbling', { kind: 'sliding', sizeMs: 100, slideMs: 100, offsetMs: 0 }],
  ['tumbling with an offset', { kind: 'sliding', sizeMs: 100, slideMs: 100, offsetMs: 30 }],
  ['sliding', { kind: 'sliding', sizeMs: 100, slideMs: 20, offsetMs: 0 }],
  ['sliding by a part', { kind: 'sliding', sizeMs: 100, slideMs: 40, offsetMs: 10 }],
  ['sliding with gaps', { kind: 'sliding', sizeMs: 40, slideMs: 60, offsetMs: 0 }],
  ['session', { kind: 'session', gapMs: 45 }],
];

describe.each(KINDS)('%s windows', (_name, window) => {
  test('give each result of records that are in time once, as counting by the book does', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const batches = [...randomBatches(seed, 0), { sides: [[]], watermark: Infinity }];
      const given = driveOperator(() => operatorOf({ window, latenessMs: 0 }), batches, {
        pick: picker(seed),
      }).flat();
      const expected = [
        ...windowsOf(
          window,
          batches.flatMap(({ sides }) => sides[0] as Timed[]),
        ),
      ];
      expect(sorted(given)).toEqual(
        sorted(
          expected.map(([id, values]) => [0, [JSON.parse(id), closeTo(sum(values), given, id)]]),
        ),
      );
    }
  });

  test('a recovery at any time changes nothing, to the last bit', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const batches = [...randomBatches(seed, 20), { sides: [[]], watermark: Infinity }];
      const create = (): BatchOperator =>
        operatorOf({ window, latenessMs: seed % 2 === 0 ? 0 : 200 });
      const plain = driveOperator(create, batches, { pick: picker(seed) });
      for (const recoverEvery of [1, 3]) {
        const recovered = driveOperator(create, batches, {
          pick: picker(seed + 100),
          recoverEvery,
          discards: true,
        });
        expect(recovered).toEqual(plain);
      }
    }
  });

  test('late records within the allowed lateness correct results, later ones go to the side output', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const latenessMs = 150;
      const batches = [...randomBatches(seed, 30), { sides: [[]], watermark: Infinity }];
      const given = driveOperator(() => operatorOf({ window, latenessMs }), batches, {
        pick: picker(seed),
      }).flat() as [number, unknown][];
      // Whether a record is too late is judged by the watermark of the barrier before.
      const late: unknown[] = [];
      let inTime: Timed[] = [];
      let watermark = -Infinity;
      for (const batch of batches) {
        for (const record of batch.sides[0] as Timed[]) {
          const end = lastEnd(window, inTime, record);
          if (end === undefined || end + latenessMs > watermark) inTime.push(record);
          else late.push([record[1][0], [record[0], record[1][1]]]);
        }
        watermark = Math.max(watermark, batch.watermark!);
        // A session whose lateness has passed is gone: nothing joins it any more.
        if (window.kind === 'session')
          inTime = inTime.filter((each) => lastEnd(window, inTime, each)! + latenessMs > watermark);
      }
      const gone = given.filter(([side]) => side === 1).map(([, record]) => record);
      expect(sorted(gone)).toEqual(sorted(late));
      // The last result of each window and key has all that were in time.
      if (window.kind === 'session') continue;
      const last = new Map<string, number>();
      for (const [side, result] of given) {
        const [key, value] = result as [unknown, number];
        if (side === 0) last.set(JSON.stringify(key), value);
      }
      const expected = windowsOf(window, inTime);
      for (const [id, values] of expired(window, batches, inTime, latenessMs, expected))
        expect(last.get(id)).toBeCloseTo(sum(values), 6);
    }
  });
});

/** Sums of decimals differ in the last bits with their order: what was given, if it is as good. */
function closeTo(value: number, given: readonly unknown[], id: string): number {
  const row = given.find((each) => JSON.stringify(((each as unknown[])[1] as unknown[])[0]) === id);
  const found = (((row as unknown[] | undefined)?.[1] as unknown[] | undefined)?.[1] ??
    value) as number;
  return Math.abs(found - value) < 1e-6 ? found : value;
}

/** When the last window of a record ends; of sessions, the one that it would be in. Undefined: in no window. */
function lastEnd(
  window: WindowParams,
  before: readonly Timed[],
  record: Timed,
): number | undefined {
  const [key, [time]] = record;
  if (window.kind === 'session') {
    const session = [...windowsOf(window, [...before, record]).keys()]
      .map((id) => JSON.parse(id) as { key: unknown; start: number; end: number })
      .find((each) => each.key === key && each.start <= time && time < each.end);
    return session!.end;
  }
  const start =
    Math.floor((time - window.offsetMs) / window.slideMs) * window.slideMs + window.offsetMs;
  return start + window.sizeMs > time ? start + window.sizeMs : Infinity;
}

/** Windows of which no record came when they had expired, while others of the record had not. */
function expired(
  window: Extract<WindowParams, { kind: 'sliding' }>,
  batches: readonly DrivenBatch[],
  _inTime: readonly Timed[],
  latenessMs: number,
  all: Map<string, number[]>,
): [string, number[]][] {
  const spoilt = new Set<string>();
  let watermark = -Infinity;
  for (const batch of batches) {
    for (const record of batch.sides[0] as Timed[])
      for (const id of windowsOf(window, [record]).keys())
        if ((JSON.parse(id) as { end: number }).end + latenessMs <= watermark) spoilt.add(id);
    watermark = Math.max(watermark, batch.watermark!);
  }
  return [...all].filter(([id]) => !spoilt.has(id));
}

test('groups keep the order of panes, then of arrival, and results that were given never change', () => {
  const window: WindowParams = { kind: 'sliding', sizeMs: 20, slideMs: 10, offsetMs: 0 };
  const given = driveOperator(
    () => operatorOf({ window, latenessMs: 100, aggregate: LISTS as never }),
    [
      {
        sides: [
          [
            ['a', [12, 'x']],
            ['a', [3, 'y']],
            ['a', [4, 'z']],
          ],
        ],
        watermark: 20,
      },
      { sides: [[['a', [5, 'late']]]], watermark: 30 },
    ],
  );
  expect(given).toEqual([
    [
      [0, [{ key: 'a', start: -10, end: 10 }, ['y', 'z']]],
      [0, [{ key: 'a', start: 0, end: 20 }, ['y', 'z', 'x']]],
    ],
    [
      [0, [{ key: 'a', start: -10, end: 10 }, ['y', 'z', 'late']]],
      [0, [{ key: 'a', start: 0, end: 20 }, ['y', 'z', 'late', 'x']]],
      [0, [{ key: 'a', start: 10, end: 30 }, ['x']]],
    ],
  ]);
});

test('a late record joins two sessions that gave their results into one', () => {
  const given = driveOperator(
    () => operatorOf({ window: { kind: 'session', gapMs: 10 }, latenessMs: 100 }),
    [
      {
        sides: [
          [
            ['a', [0, 1]],
            ['a', [15, 2]],
          ],
        ],
        watermark: 50,
      },
      { sides: [[['a', [8, 4]]]], watermark: 60 },
    ],
  );
  expect(given).toEqual([
    [
      [0, [{ key: 'a', start: 0, end: 10 }, 1]],
      [0, [{ key: 'a', start: 15, end: 25 }, 2]],
    ],
    [[0, [{ key: 'a', start: 0, end: 25 }, 7]]],
  ]);
});

test.each(KINDS)('%s: a trigger of a count gives early results, of time too', (_name, window) => {
  const batches = [...randomBatches(3, 0), { sides: [[]], watermark: Infinity }];
  const run = (early: EarlyParams, recoverEvery?: number): unknown[] =>
    driveOperator(
      () => operatorOf({ window, latenessMs: 0, early, aggregate: COUNTS }),
      batches,
      recoverEvery === undefined ? {} : { recoverEvery },
    ).flat();
  const plain = run({ count: 0, everyMs: 0 });
  for (const early of [
    { count: 2, everyMs: 0 },
    { count: 0, everyMs: 3000 },
  ]) {
    const given = run(early);
    expect(given.length).toBeGreaterThan(plain.length);
    expect(run(early, 2)).toEqual(given);
    // The last result of each window is the one without a trigger.
    if (window.kind === 'session') continue;
    const last = new Map(
      given.map((row) => {
        const [, [key, value]] = row as [number, [unknown, number]];
        return [JSON.stringify(key), value];
      }),
    );
    expect(sorted([...last].map(([id, value]) => [0, [JSON.parse(id), value]]))).toEqual(
      sorted(plain),
    );
  }
});
