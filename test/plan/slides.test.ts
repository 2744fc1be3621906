/** What fires when, and what is refused before anything runs. */
import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { plan } from '../../src/plan/planner.ts';
import { fires } from '../../src/plan/slides.ts';

type Pairs = DStream<readonly [string, number]>;

function slides(build: (pairs: Pairs) => void, batchIntervalMs = 1000): Record<string, number> {
  const ssc = new ContextBuilder();
  build(ssc.inputStream<readonly [string, number]>('in'));
  const { graph, slides: all } = plan(ssc.freeze(), { workers: 1, batchIntervalMs });
  return Object.fromEntries(graph.nodes.map(({ uid, id }) => [uid, all[id]!]));
}

describe('a stream has a batch', () => {
  test('each batch interval, behind a window each slide of that, and so on behind it', () => {
    const all = slides((pairs) => {
      const window = pairs.window(4000, 2000);
      window.map((x) => x).print();
      window.window(6000, 4000).count().print();
      pairs.window(3000).print();
    }, 500);
    expect(all).toMatchObject({
      'inputStream#1': 500,
      'window#1': 2000,
      'map#1': 2000,
      'window#2': 4000,
      'count#1': 4000,
      'window#3': 500,
    });
  });

  test('at multiples of its slide, counted from the zero time, and not before', () => {
    const at = (time: number): boolean => fires(2000, { time, zeroTime: 5000 });
    expect([3000, 5000, 6000, 7000, 8000, 9000].filter(at)).toEqual([7000, 9000]);
  });
});

describe('refused before the start, with operator and call site', () => {
  const here = /slides\.test\.ts:\d+:\d+/;

  test.each<readonly [string, (pairs: Pairs) => unknown]>([
    ['union#1', (pairs) => pairs.union(pairs.window(2000, 2000))],
    ['join#1', (pairs) => pairs.window(4000, 4000).join(pairs.window(2000, 2000))],
    ['cogroup#1', (pairs) => pairs.cogroup(pairs.window(2000, 2000))],
    ['transformWith#1', (pairs) => pairs.transformWith(pairs.window(2000, 2000), (a) => a)],
  ])('streams of different slides in %s', (uid, join) => {
    const build = (): unknown => slides((pairs) => (join(pairs) as DStream<unknown>).print());
    expect(build).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_SLIDES_DIFFER',
        message: expect.stringMatching(here),
        context: expect.objectContaining({ operator: uid, callSite: expect.stringMatching(here) }),
      }),
    );
  });

  test.each<readonly [string, RegExp, (pairs: Pairs) => unknown]>([
    ['a window', /its window of 1500 ms .* 1000 ms/, (pairs) => pairs.window(1500)],
    ['a slide', /its slide of 1500 ms .* 1000 ms/, (pairs) => pairs.window(3000, 1500)],
    [
      'a window of a window',
      /its window of 3000 ms .* 2000 ms, which is how often window#1/,
      (pairs) => pairs.window(2000, 2000).window(3000, 2000),
    ],
  ])('%s that is no multiple', (_, says, window) => {
    const build = (): unknown => slides((pairs) => (window(pairs) as DStream<unknown>).print());
    expect(build).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_WINDOW_MULTIPLE',
        message: expect.stringMatching(says),
        context: expect.objectContaining({ callSite: expect.stringMatching(here) }),
      }),
    );
  });
});
