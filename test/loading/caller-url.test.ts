import { describe, expect, it } from 'vitest';
import {
  bundledInto,
  callerOf,
  isOwnFile,
  shown,
  withoutQuery,
} from '../../src/dstream/caller-url.ts';

describe('callerOf', () => {
  function define(): ReturnType<typeof callerOf> {
    return callerOf(define);
  }

  it('I1: gives the file of the call, whatever lies between', () => {
    const here = { origin: 'test', url: import.meta.url };
    expect(define()).toEqual(here);
    expect([1].map(define)).toEqual([here]);
    // eslint-disable-next-line no-eval
    expect((0, eval)('(define) => define()')(define)).toEqual(here);
  });

  it('I2: leaves Error as it was, also when that was odd', () => {
    const { prepareStackTrace, stackTraceLimit } = Error;
    const odd = (): string => 'odd';
    try {
      Error.prepareStackTrace = odd;
      Error.stackTraceLimit = 0;
      expect(define().url).toBe(import.meta.url);
      expect(Error.prepareStackTrace).toBe(odd);
      expect(Error.stackTraceLimit).toBe(0);
    } finally {
      Object.assign(Error, { prepareStackTrace, stackTraceLimit });
    }
  });

  it('does not know a caller that is not on the stack', () => {
    expect(callerOf(() => {})).toEqual({ origin: 'unknown', url: '' });
  });
});

describe('bundledInto', () => {
  it('is undefined in the package itself', () => {
    expect(bundledInto()).toBeUndefined();
  });

  it.each([
    [
      'file:///app/node_modules/millrace/dist/dstream/caller-url.js',
      'file:///app/node_modules/millrace/dist/dstream/caller-url.js',
      true,
    ],
    ['file:///m/dist/dstream/caller-url.js?v=1', 'file:///m/dist/dstream/caller-url.js', true],
    // esbuild and rollup: both are the bundle.
    ['file:///app/out.mjs', 'file:///app/out.mjs', false],
    // esbuild, CommonJS: import.meta is empty.
    ['file:///app/out.cjs', undefined, false],
    // webpack: import.meta.url is the source's.
    ['file:///app/main.js', 'file:///m/dist/dstream/caller-url.js', false],
    [
      'webpack-internal:///./node_modules/millrace/dist/dstream/caller-url.js',
      'file:///m/dist/dstream/caller-url.js',
      false,
    ],
  ])('%s, import.meta.url %s: %s', (url, meta, own) => {
    expect(isOwnFile(url, meta)).toBe(own);
  });
});

describe('URLs', () => {
  it('lose query and fragment, and are shown as paths', () => {
    expect(withoutQuery('file:///a.js?t=1#x')).toBe('file:///a.js');
    expect(withoutQuery('file:///a.js')).toBe('file:///a.js');
    expect(shown('file:///a%20b.js?t=1')).toBe('/a b.js');
    expect(shown('[eval]')).toBe('[eval]');
    expect(shown('file://host/a.js')).toBe('file://host/a.js');
  });
});
