import { expect, test } from 'vitest';
import { durationMs } from '../../src/dstream/duration.ts';

test.each([
  [250, 250],
  ['500ms', 500],
  ['1s', 1000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1.5s', 1500],
  ['0.001h', 3600],
  [' 10 s ', 10_000],
])('%j is %d ms', (given, ms) => {
  expect(durationMs(given, 'window')).toBe(ms);
});

test.each([
  ['1'],
  ['s'],
  ['1 day'],
  ['-1s'],
  ['1s2'],
  [''],
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [1.5],
  ['0.5ms'],
  [0],
  [-5],
  [null],
  [undefined],
  [{}],
  [1n],
])('%o is no duration', (given) => {
  expect(() => durationMs(given, 'batchInterval', 1, '/a.ts:1:2')).toThrow(
    expect.objectContaining({
      code: 'ERR_MILLRACE_BAD_DURATION',
      message: expect.stringMatching(
        /^batchInterval at \/a\.ts:1:2 must be a whole number of milliseconds/,
      ),
      context: { option: 'batchInterval', callSite: '/a.ts:1:2' },
    }),
  );
});

test('a bound may allow zero or ask for more', () => {
  expect(durationMs(0, 'delay', 0)).toBe(0);
  expect(() => durationMs('100ms', 'checkpointInterval', 500)).toThrow(
    /at least 500 ms.*it is "100ms"/,
  );
});
