import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import { sum } from '../../src/dstream/reducers.ts';
import { firstDifference, type GraphShape, shape } from '../../src/plan/compare.ts';

const built = (build: (ssc: ContextBuilder) => void): GraphShape => {
  const ssc = new ContextBuilder();
  build(ssc);
  return shape(ssc.freeze());
};

const difference = (
  a: (ssc: ContextBuilder) => void,
  b: (ssc: ContextBuilder) => void,
): string | undefined => firstDifference(built(a), built(b), ['the main thread', 'worker 1']);

describe('graphs', () => {
  test('are the same wherever their functions come from', () => {
    const one = (ssc: ContextBuilder): void =>
      ssc
        .socketTextStream('h', 1)
        .map((l) => l.length)
        .print();
    const other = (ssc: ContextBuilder): void => {
      const length = function (l: string): number {
        return l.length;
      };
      ssc.socketTextStream('h', 1).map(length).print();
    };
    expect(difference(one, other)).toBeUndefined();
  });

  test('with another operator are told apart by the first that differs', () => {
    const text = difference(
      (ssc) =>
        ssc
          .queueStream([[1]])
          .map((n) => n)
          .filter(Boolean)
          .print(),
      (ssc) =>
        ssc
          .queueStream([[1]])
          .flatMap((n) => [n])
          .filter(Boolean)
          .print(),
    );
    expect(text).toMatch(
      /^operator 2 is map#1 at .*compare\.test\.ts:\d+:\d+ in the main thread, and flatMap#1 at .* in worker 1$/,
    );
  });

  test('with another parameter name it and both values', () => {
    const text = difference(
      (ssc) => ssc.socketTextStream('localhost', 9999).print(),
      (ssc) => ssc.socketTextStream('localhost', 9998).print(),
    );
    expect(text).toMatch(
      /socketTextStream#1 at .*: its port is 9999 in the main thread, and 9998 in worker 1$/,
    );
    const reducers = difference(
      (ssc) => ssc.queueStream<[string, number]>([]).reduceByKey(sum).print(),
      (ssc) =>
        ssc
          .queueStream<[string, number]>([])
          .reduceByKey((a, b) => a + b)
          .print(),
    );
    expect(reducers).toContain('its reducer is "sum" in the main thread, and missing in worker 1');
  });

  test('with another parent differ', () => {
    const build =
      (second: boolean) =>
      (ssc: ContextBuilder): void => {
        const [a, b] = [ssc.inputStream('a'), ssc.inputStream('b')];
        (second ? b : a).count().print();
      };
    expect(difference(build(false), build(true))).toContain('count#1');
    expect(difference(build(false), build(true))).toContain(
      'its list of parents is [0] in the main thread, and [1] in worker 1',
    );
  });

  test('of which one goes on longer name what the other lacks', () => {
    const text = difference(
      (ssc) => ssc.inputStream('a').print(),
      (ssc) => {
        const a = ssc.inputStream('a');
        a.print();
        a.count().print();
      },
    );
    expect(text).toMatch(
      /^operator 3 is count#1 at .* in worker 1, and there is none in the main thread$/,
    );
  });

  test('are compared as plain data: a shape survives a thread', () => {
    const here = built((ssc) => ssc.socketTextStream('h', 1).grep(/a/i).countByValue(2).print());
    expect(firstDifference(here, structuredClone(here))).toBeUndefined();
  });
});
