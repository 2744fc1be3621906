import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { Batcher, type BatcherOptions, type BatchMode } from '../../src/supervision/batcher.ts';

interface Cut {
  readonly at: number;
  readonly batch: boolean;
  readonly point: boolean;
  readonly last: boolean;
  readonly time: number;
  readonly zeroTime: number;
}

function batcher(options: Partial<BatcherOptions> & { startMs?: number; mode?: BatchMode } = {}): {
  clock: VirtualClock;
  cuts: Cut[];
  batcher: Batcher;
  kinds: () => string[];
} {
  const clock = new VirtualClock({ startMs: options.startMs ?? 10_250 });
  const cuts: Cut[] = [];
  const made = new Batcher({
    clock,
    intervalMs: 1000,
    reliefIntervalMs: 500,
    mode: { kind: 'clock' },
    ...options,
    cut: (kind) => cuts.push({ at: clock.now(), ...kind }),
  });
  const kinds = (): string[] =>
    cuts.map(
      ({ at, batch, point, last }) =>
        `${at} ${last ? 'last' : batch ? 'batch' : point ? 'relief' : 'flush'}`,
    );
  return { clock, cuts, batcher: made, kinds };
}

describe('on the clock', () => {
  it('a batch ends at each multiple of the interval since 1970 and is stamped with it', () => {
    const { clock, cuts, batcher: b } = batcher({ intervalMs: 300, startMs: 10_250 });
    b.start();
    clock.advance(1000);
    expect(cuts.map(({ time }) => time)).toEqual([10_500, 10_800, 11_100]);
    expect(cuts.every(({ at, time, batch, point }) => at === time && batch && point)).toBe(true);
  });

  it('goes on at its pace when the wall clock is set back, also under a successor', () => {
    const { clock, cuts, batcher: b } = batcher({ intervalMs: 300, startMs: 7_200_000 });
    b.start();
    clock.advance(650);
    clock.setWall(clock.now() - 3_600_000);
    clock.advance(600);
    expect(cuts.map(({ time }) => time - 7_200_000)).toEqual([300, 600, 900, 1200]);
    b.stop();
    const successor: number[] = [];
    const next = new Batcher({
      clock,
      intervalMs: 300,
      reliefIntervalMs: 500,
      mode: { kind: 'clock' },
      cut: ({ time }) => successor.push(time - 7_200_000),
    });
    next.start(cuts.at(-1)!.time, cuts.at(-1)!.zeroTime);
    clock.advance(700);
    expect(successor).toEqual([1500, 1800]);
    expect(new Set(cuts.map(({ zeroTime }) => zeroTime))).toEqual(new Set([7_200_000]));
    next.stop();
  });

  it('relief points lie between the ends of long batches, and a flush shortly before them', () => {
    const { clock, batcher: b, kinds } = batcher();
    b.start();
    for (let n = 0; n < 550; n++) {
      clock.advance(5);
      // Everything is held at once.
      b.held({ batch: true, point: true, time: 0 });
      b.held({ batch: false, point: false, time: 0 });
    }
    expect(kinds()).toEqual([
      '10975 flush',
      '11000 batch',
      '11500 relief',
      '11975 flush',
      '12000 batch',
      '12500 relief',
      '12975 flush',
      '13000 batch',
    ]);
  });

  it('no flush is cut while the one before is not held: tasks are behind', () => {
    const { clock, batcher: b, kinds } = batcher();
    b.start();
    clock.advance(3000);
    expect(kinds().filter((kind) => kind.endsWith('flush'))).toEqual(['10975 flush']);
    b.held({ batch: false, point: false, time: 0 });
    clock.advance(1000);
    expect(kinds().filter((kind) => kind.endsWith('flush'))).toEqual([
      '10975 flush',
      '13975 flush',
    ]);
  });

  it('one relief is open at a time, however often receivers ask', () => {
    const { clock, batcher: b, kinds } = batcher({ intervalMs: 500 });
    b.start();
    b.relief();
    b.relief();
    expect(kinds()).toEqual(['10250 relief']);
    b.held({ batch: false, point: true, time: 0 });
    clock.advance(10);
    b.relief();
    expect(kinds()).toEqual(['10250 relief', '10260 relief']);
  });

  it('missed batches follow one after another, none is left out', () => {
    let may = true;
    const { clock, cuts, batcher: b } = batcher({ intervalMs: 300, mayCut: () => may });
    b.start();
    clock.advance(300);
    may = false;
    clock.advance(900);
    may = true;
    b.held({ batch: true, point: true, time: 0 });
    clock.advance(1);
    expect(cuts.map(({ time }) => time)).toEqual([10_500, 10_800, 11_100, 11_400]);
  });

  it('a successor goes on with the batch behind the newest one', () => {
    const { clock, cuts, batcher: b } = batcher({ intervalMs: 300, startMs: 11_000 });
    b.start(10_500);
    clock.advance(1);
    expect(cuts.map(({ time }) => time)).toEqual([10_800]);
  });

  it('the last batch is cut at once, and nothing behind it', () => {
    const { clock, batcher: b, kinds } = batcher();
    b.start();
    b.end();
    b.end();
    clock.advance(5000);
    expect(kinds()).toEqual(['10250 last']);
  });
});

describe('in step', () => {
  it('a batch is cut when the one before is held, then the end', () => {
    const { cuts, batcher: b } = batcher({ mode: { kind: 'step', batches: 2 } });
    b.start();
    b.held({ batch: false, point: true, time: 1000 });
    expect(cuts).toHaveLength(1);
    b.held({ batch: true, point: true, time: 1000 });
    b.held({ batch: true, point: true, time: 2000 });
    expect(cuts.map(({ time, batch, last }) => ({ time, batch, last }))).toEqual([
      { time: 1000, batch: true, last: false },
      { time: 2000, batch: true, last: false },
      { time: 3000, batch: false, last: true },
    ]);
  });
});
