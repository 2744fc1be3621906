/** From what the user gave to `run` to a job. */
import { afterEach, describe, expect, it } from 'vitest';
import { job } from '../../src/dstream/job.ts';
import { resolveJob } from '../../src/dstream/resolve-job.ts';
import {
  inRepository,
  nodes,
  type Project,
  project,
  type ProjectOptions,
  removeProjects,
} from './project.ts';
import { rejectedBy } from './thrown.ts';

interface Resolved {
  readonly name?: string;
  readonly url?: string;
  readonly runOptions?: unknown;
  readonly parked?: boolean;
  readonly code?: string;
  readonly message?: string;
}

let made: Project | undefined;
afterEach(removeProjects);

const [node] = await nodes();
const JOB = `import { job, run } from 'millrace';
const define = (name) => job(name, (ssc) => ssc.inputStream('x').print());
`;

async function resolve(
  target: string,
  files: Readonly<Record<string, string>>,
  options: object = {},
  more: ProjectOptions = {},
): Promise<Resolved> {
  made = project({ ...more, files });
  const json = JSON.stringify([target.replace('$', made.directory), options]);
  const { stdout, stderr } = await made.run(node!, [
    inRepository('test/loading/resolve.mjs'),
    made.dist,
    json,
  ]);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  expect(last, stderr).toMatch(/^\{/);
  return JSON.parse(last) as Resolved;
}

describe('resolveJob', () => {
  it('I1: takes a job object as it is', async () => {
    const own = job('own', () => {});
    expect(await resolveJob(own)).toEqual({ job: own });
  });

  it.each([undefined, null, '', 7, {}, () => {}])(
    'refuses what is no job, path or URL: %s',
    async (target) => {
      const error = await rejectedBy(() => resolveJob(target));
      expect(error.code).toBe('ERR_MILLRACE_NO_JOB');
      expect(error.message).toContain('Pass what job() returned, or the path or URL');
    },
  );

  it.each(['job.js', './job.js', '$/job.js', 'file://$/job.js'])(
    'finds the file by %s',
    async (target) => {
      const found = await resolve(target, { 'job.js': `${JOB}define('a');` });
      expect(found).toEqual({ name: 'a', url: `file://${made?.at('job.js')}`, parked: false });
    },
  );

  it('I1: the default export wins, then the only job', async () => {
    expect(
      await resolve('job.js', {
        'job.js': `${JOB}define('a'); export default define('b'); define('c');`,
      }),
    ).toMatchObject({ name: 'b' });
    expect(
      await resolve('job.js', { 'job.js': `${JOB}export const only = define('a');` }),
    ).toMatchObject({ name: 'a' });
    const files = {
      'job.js': `export { a } from './other.js';`,
      'other.js': `${JOB}export const a = define('a');`,
    };
    expect(await resolve('job.js', files)).toMatchObject({
      name: 'a',
      url: expect.stringMatching(/other\.js$/),
    });
  });

  it('takes CommonJS, and CommonJS that was an ES module', async () => {
    const cjs = `const { job } = require('millrace'); const made = job('a', (ssc) => ssc.inputStream('x').print());`;
    expect(await resolve('job.cjs', { 'job.cjs': `${cjs} module.exports = made;` })).toMatchObject({
      name: 'a',
    });
    const both = `${cjs} job('b', () => {}); exports.__esModule = true; exports.default = made;`;
    expect(await resolve('job.cjs', { 'job.cjs': both })).toMatchObject({ name: 'a' });
  });

  it('finds one of several by name', async () => {
    const files = {
      'job.js': `import './other.js'; ${JOB}define('a'); define('b');`,
      'other.js': `${JOB}define('c');`,
    };
    expect(await resolve('job.js', files, { name: 'b' })).toMatchObject({ name: 'b' });
    expect(await resolve('job.js', files, { name: 'c' })).toMatchObject({ name: 'c' });
    expect(await resolve('job.js', files, { name: 'd' })).toMatchObject({
      code: 'ERR_MILLRACE_JOB_NOT_FOUND',
      message: `${made?.at('job.js')} has no job "d". It has "a", "b"`,
    });
    expect(await resolve('job.js', files)).toMatchObject({
      code: 'ERR_MILLRACE_NO_JOB',
      message: expect.stringContaining('has several jobs: "a", "b". Choose one'),
    });
  });

  it('refuses a file without a job, and lists what it exports', async () => {
    expect(
      await resolve('job.js', { 'job.js': 'export const a = 1; export default {};' }),
    ).toMatchObject({
      code: 'ERR_MILLRACE_NO_JOB',
      message: expect.stringMatching(
        /job\.js defines no job: it exports a, default\. Call job\(name, build\)/,
      ),
    });
    expect(await resolve('job.js', { 'job.js': '' })).toMatchObject({
      message: expect.stringContaining('it exports nothing'),
    });
  });

  it('refuses a file that is missing, throws, or lies elsewhere', async () => {
    expect(await resolve('gone.js', {})).toMatchObject({
      code: 'ERR_MILLRACE_JOB_FILE_MISSING',
      message: expect.stringContaining(`${made?.at('gone.js')}: there is no such file`),
    });
    expect(await resolve('job.js', { 'job.js': 'null.x' })).toMatchObject({
      code: 'ERR_MILLRACE_JOB_FILE_THREW',
      message: expect.stringContaining('job.js:1:6'),
    });
    expect(await resolve('https://x.example/job.js', {})).toMatchObject({
      code: 'ERR_MILLRACE_JOB_FILE_MISSING',
      message: expect.stringContaining('a job is loaded from a file'),
    });
    expect(await resolve('file://host/job.js', {})).toMatchObject({
      code: 'ERR_MILLRACE_JOB_FILE_MISSING',
    });
  });

  it('reads TypeScript, and says what helps where it can not', async () => {
    const files = { 'job.ts': `${JOB.replace('(name)', '(name: string)')}define('a');` };
    expect(await resolve('job.ts', files)).toMatchObject({ name: 'a' });
    const found = await resolve('job.ts', files, {}, { installed: true });
    if (node!.strips) return;
    expect(found.code).toBe('ERR_MILLRACE_TS_LOADER');
    expect(found.message).toMatch(
      /job\.ts is TypeScript or imports it, and Node 20\S+ can't read that in this thread/,
    );
    expect(found.message).toContain(
      'install tsx where the job is (npm install tsx), use Node 22.18 or newer, or compile',
    );
  });

  describe('with takeOver', () => {
    it('I2: a script is left at its run(), with the options that it gave there', async () => {
      const source = `${JOB}define('b'); await run(define('a'), { threads: 3 }); console.log('AFTER'); process.exit(1);`;
      expect(await resolve('job.js', { 'job.js': source }, { takeOver: true })).toEqual({
        name: 'a',
        url: `file://${made?.at('job.js')}`,
        runOptions: { threads: 3 },
        parked: true,
      });
    });

    it('I2: a script that runs the job of another file is taken over too', async () => {
      const files = {
        'main.js': `${JOB}await run(new URL('./job.js', import.meta.url));`,
        'job.js': `${JOB}define('a');`,
      };
      expect(await resolve('main.js', files, { takeOver: true })).toMatchObject({
        name: 'a',
        url: expect.stringMatching(/\/job\.js$/),
      });
    });

    it('a name wins over the run() of the script', async () => {
      const source = `${JOB}define('b'); await run(define('a'));`;
      expect(
        await resolve('job.js', { 'job.js': source }, { takeOver: true, name: 'b' }),
      ).toMatchObject({ name: 'b' });
    });

    it('I2: a run() that comes later is parked as well', async () => {
      const source = `${JOB}const made = define('a'); setTimeout(() => run(made));`;
      expect(await resolve('job.js', { 'job.js': source }, { takeOver: true })).toMatchObject({
        name: 'a',
        parked: true,
      });
    });
  });
});
