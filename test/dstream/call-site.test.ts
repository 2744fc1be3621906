import { afterEach, describe, expect, test } from 'vitest';
import { callSite, callSiteText } from '../../src/dstream/call-site.ts';

const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
const limit = Error.stackTraceLimit;

afterEach(() => {
  if (prepare === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
  else Object.defineProperty(Error, 'prepareStackTrace', prepare);
  Error.stackTraceLimit = limit;
});

const userHelper = (): string => callSiteText();

describe('a call site', () => {
  test('is the first frame that is not ours', () => {
    const [site, stack] = [callSite(), new Error('here').stack];
    expect(site?.file).toMatch(/^\/.*call-site\.test\.ts$/);
    expect(stack).toContain(`:${site?.line}:`);
  });

  test("is in the user's helper when that made the call", () => {
    const line = /:(\d+):\d+$/.exec(userHelper())?.[1];
    expect(line).toBe(/:(\d+):\d+$/.exec(userHelper())?.[1]);
    expect(Number(line)).toBeLessThan(callSite()?.line ?? 0);
  });

  test('is found with a stack limit of zero, which it leaves as it was', () => {
    Error.stackTraceLimit = 0;
    const site = callSite();
    expect(Error.stackTraceLimit).toBe(0);
    expect(site?.file).toContain('call-site.test.ts');
  });

  test('is found when somebody formats stacks as something else', () => {
    const mine = (_: Error, frames: readonly unknown[]): unknown => frames;
    Error.prepareStackTrace = mine;
    expect(callSite()?.file).toContain('call-site.test.ts');
    expect(Error.prepareStackTrace).toBe(mine);
  });

  const formatted = (frame: string): ReturnType<typeof callSite> => {
    Error.prepareStackTrace = () => `Error: call site\n${frame}\n    at node:internal/main:1:2`;
    return callSite();
  };

  test.each([
    ['    at f (file:///a%20b/job.ts?t=1:3:5)', { file: '/a b/job.ts', line: 3, column: 5 }],
    ['    at async /a (1)/job.js:3:5', { file: '/a (1)/job.js', line: 3, column: 5 }],
    ['    at new A (/a (1)/job.js:3:5)', { file: '/a (1)/job.js', line: 3, column: 5 }],
    ['    at [eval]:1:7', { file: '[eval]', line: 1, column: 7 }],
    ['    at REPL1:1:7', { file: 'REPL1', line: 1, column: 7 }],
    ['    at eval (eval at x (/job.js:1:1), <anonymous>:1:7)', undefined],
    ['    at Array.map (<anonymous>)', undefined],
    ['    at run (node:internal/modules/run_main:3:5)', undefined],
  ])('is read from "%s"', (frame, site) => {
    expect(formatted(frame)).toEqual(site);
  });

  test('is unknown when all frames are ours', () => {
    Error.prepareStackTrace = () => 'Error';
    expect(callSiteText()).toBe('unknown');
  });
});
