import { describe, expect, expectTypeOf, it } from 'vitest';
import { isMillrace, thrownBy } from './thrown.ts';
import { cloneArgs, isJob, type Job, job, type RunParameters } from '../../src/dstream/job.ts';
import { findJob, jobsOf, definedTwice } from '../../src/dstream/registry.ts';
import { assertLoadable } from '../../src/dstream/resolve-job.ts';

const build = (): void => {};
const elsewhere = (file: string): { url: string } => ({ url: `file:///app/${file}` });

describe('job()', () => {
  it('gives a frozen job with name, interval, builder and the file that called it', () => {
    const made = job('a', build);
    expect(made).toMatchObject({
      name: 'a',
      batchIntervalMs: 1000,
      url: import.meta.url,
      defaults: {},
    });
    expect(made.build).toBe(build);
    expect(made.callSite).toMatch(/loading\/job\.test\.ts:\d+:\d+$/);
    expect(Object.isFrozen(made) && Object.isFrozen(made.defaults)).toBe(true);
    expect(isJob(made)).toBe(true);
    expect(isJob({ ...made })).toBe(false);
  });

  it('keeps defaults for run, and takes intervals as text or ms', () => {
    const made = job('a', { batchInterval: '250ms', threads: 2, ...elsewhere('a.js') }, build);
    expect(made).toMatchObject({
      batchIntervalMs: 250,
      defaults: { threads: 2 },
      url: 'file:///app/a.js',
    });
    expect(made.origin).toBe('module');
    expect(job('a', { batchInterval: 40, url: new URL('file:///b.js') }, build)).toMatchObject({
      batchIntervalMs: 40,
      url: 'file:///b.js',
    });
    expect(job('a', { url: '/app/c.js' }, build).url).toBe('file:///app/c.js');
  });

  it('knows that a test file is no module that other threads can load', () => {
    expect(job('a', build).origin).toBe('test');
    const error = thrownBy(() => assertLoadable(job('a', build)));
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_JOB_NOT_LOADABLE',
      context: { job: 'a', origin: 'test' },
    });
    expect(error.message).toMatch(
      /^job "a" \(.*job\.test\.ts:\d+:\d+\) can't be loaded by other threads: .* test file/,
    );
    expect(error.message).toContain('top level of a module of its own; or use threads: 0');
  });

  it.each([
    ['an empty name', () => job('', build), 'job at', 'name must be text'],
    ['a name with a slash', () => job('a/b', build), 'job at', 'it is "a/b"'],
    ['a name that is no text', () => job(7 as never, build), 'job at', 'it is 7'],
    [
      'no builder',
      () => job('a', {}, undefined as never),
      'job at',
      'build must be a function; it is undefined',
    ],
    [
      'no builder and no options',
      () => job('a', undefined as never),
      'job at',
      'options must be an object',
    ],
    [
      'an option that is not there',
      () => job('a', { batchIntervall: 1 } as never, build),
      '"batchIntervall"',
      'the options are batchInterval, url',
    ],
    [
      'a url that is no file',
      () => job('a', { url: 'https://x.example/a.js' }, build),
      'job at',
      'url must be the URL of a file',
    ],
    ['a relative url', () => job('a', { url: './a.js' }, build), 'job at', 'it is "./a.js"'],
  ])('refuses %s', (_what, make, where, what) => {
    const error = thrownBy(make);
    expect(isMillrace(error, 'ERR_MILLRACE_BAD_OPTION')).toBe(true);
    expect(error.message).toContain(where);
    expect(error.message).toContain(what);
    expect(error.message).toMatch(/job\.test\.ts:\d+:\d+/);
  });

  it.each([0, -1, 1.5, Number.NaN, '1x', '', null])('refuses batchInterval %s', (batchInterval) => {
    const error = thrownBy(() => job('a', { batchInterval: batchInterval as never }, build));
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_BAD_DURATION' });
    expect(error.message).toMatch(/^batchInterval of job "a" at .*job\.test\.ts/);
  });

  it('refuses args that no thread can get, and copies the others', () => {
    const made = job('a', (_ssc, _args: unknown) => {});
    const args = { host: 'h', ports: new Map([[1, new Date(0)]]) };
    expect(cloneArgs(made, args)).toEqual(args);
    expect(cloneArgs(made, args)).not.toBe(args);
    const error = thrownBy(() => cloneArgs(made, { log: () => {} }));
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_BAD_ARGS',
      cause: { name: 'DataCloneError' },
    });
    expect(error.message).toContain('args of job "a"');
  });
});

describe('the registry', () => {
  it('I1: a job of the same name from the same file replaces the earlier one', async () => {
    const first = job('same', elsewhere('same.js'), build);
    await Promise.resolve();
    const second = job('same', elsewhere('same.js?t=2'), build);
    expect(findJob('same', first.url)).toBe(second);
    expect(jobsOf('file:///app/same.js')).toEqual([second]);
    expect(definedTwice(second)).toBeUndefined();
  });

  it('I1: jobs of the same name from two files stand side by side, and the file decides', () => {
    const a = job('two', elsewhere('a.js'), build);
    const b = job('two', elsewhere('b.js'), build);
    expect(findJob('two', 'file:///app/a.js')).toBe(a);
    expect(findJob('two', 'file:///app/b.js#x')).toBe(b);
    expect(findJob('two')).toBe(b);
    expect(findJob('two', 'file:///app/c.js')).toBe(b);
    expect(findJob('none')).toBeUndefined();
  });

  it('I2: two definitions in one go of a file are refused at a start with threads', () => {
    job('twice', elsewhere('twice.js'), build);
    const second = job('twice', elsewhere('twice.js'), build);
    const error = thrownBy(() => assertLoadable(second));
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_JOB_NOT_LOADABLE' });
    expect(error.message).toMatch(
      /its file defines another job of the same name at .*job\.test\.ts:\d+/,
    );
  });

  it('is shared by two copies of the package', () => {
    const made = job('shared', build);
    const jobs = (globalThis as never as Record<symbol, { jobs: Map<string, unknown[]> }>)[
      Symbol.for('millrace.registry')
    ]!.jobs;
    expect(jobs.get('shared')).toEqual([made]);
  });
});

describe('types', () => {
  interface Options {
    readonly threads?: number;
  }
  const run = <A>(_job: Job<A>, ..._rest: RunParameters<A, Options>): void => {};

  it('run needs args exactly when the builder takes them', () => {
    const none = job('n', (ssc) => ssc.inputStream('x').print());
    const some = job('s', (_ssc, _args: { readonly port: number }) => {});
    const may = job('m', { batchInterval: '1s' }, (_ssc, _args?: { readonly port: number }) => {});
    const streams = job(
      't',
      (_ssc, _args: undefined, lines: import('../../src/dstream/dstream.ts').DStream<string>) =>
        lines,
    );
    expectTypeOf(none).toEqualTypeOf<Job>();
    expectTypeOf(some).toEqualTypeOf<Job<{ readonly port: number }>>();
    run(none);
    run(none, { threads: 2 });
    run(some, { args: { port: 1 } });
    run(may);
    run(may, { args: { port: 1 } });
    run(streams);
    // @ts-expect-error args are missing
    run(some);
    // @ts-expect-error args are missing
    run(some, { threads: 1 });
    // @ts-expect-error args are of another type
    run(some, { args: { port: '1' } });
    // @ts-expect-error a builder can't be async
    job('a', async () => {});
    expectTypeOf(some).toExtend<Job<never>>();
  });
});
