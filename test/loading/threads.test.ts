/** How the file of a job is loaded in a real worker thread, and what is said when it can't be. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  inRepository,
  type Node,
  nodes,
  type Project,
  project,
  type ProjectOptions,
  removeProjects,
} from './project.ts';

interface Loaded {
  readonly name?: string;
  readonly url?: string;
  readonly results?: readonly string[];
  readonly hints?: readonly string[];
  readonly code?: string;
  readonly message?: string;
  readonly cause?: string;
}

let made: Project | undefined;
afterEach(removeProjects);

/** Loads job `name` of `file` in a worker thread of a program in a project of its own. */
async function load(
  node: Node,
  options: ProjectOptions,
  file: string,
  name: string,
  flags: readonly string[] = [],
): Promise<Loaded & { at: Project['at']; stdout: string }> {
  made = project(options);
  const { stdout, stderr } = await made.run(node, [
    ...flags,
    inRepository('test/loading/start-thread.mjs'),
    made.dist,
    made.at(file),
    name,
  ]);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  expect(last, stderr).toMatch(/^\{/);
  return { ...(JSON.parse(last) as Loaded), at: made.at, stdout };
}

const JOB = `import { job } from 'millrace';
const define = (name, f = (s) => s) => job(name, (ssc) => ssc.inputStream('x').map(f).print());
`;
const tsx = { packages: ['tsx', 'esbuild'] };

for (const node of await nodes()) {
  describe(`on Node ${node.version}`, () => {
    it('a TypeScript job works, with its imports and what it defines further down', async () => {
      const loaded = await load(
        node,
        { fixtures: ['shout.ts', 'text.ts'], ...tsx },
        'shout.ts',
        'shout',
      );
      expect(loaded).toMatchObject({
        name: 'shout',
        url: `file://${loaded.at('shout.ts')}`,
      });
      // A busy machine may say that the file is slow to load.
      expect(loaded.hints?.filter((hint) => !hint.includes(' ms to load'))).toEqual([]);
    });

    it('a TypeScript job of a CommonJS package works', async () => {
      const source = `import { job } from 'millrace';
        import { shout } from './text.ts';
        job('a', (ssc) => ssc.inputStream<string>('x').map((s: string) => shout(s)).print());`;
      const options = { manifest: {}, fixtures: ['text.ts'], files: { 'job.mts': source }, ...tsx };
      expect(await load(node, options, 'job.mts', 'a')).toMatchObject({ results: ['A'] });
    });

    it('a CommonJS job works', async () => {
      const source = `const { job } = require('millrace');
        const { join } = require('node:path');
        module.exports = job('a', (ssc) => ssc.inputStream('x').map((s) => join(s, 'b')).print());`;
      expect(await load(node, { files: { 'job.cjs': source } }, 'job.cjs', 'a')).toMatchObject({
        results: ['a/b'],
      });
    });

    it('I1: a script without a guard is left at its run(), and nothing behind it happens', async () => {
      const source = `${JOB}import { run } from 'millrace';
        console.log('before');
        const made = define('a', (s) => s + hidden());
        function hidden() { return '?'; }
        await run(made, { threads: 2 });
        console.log('AFTER');`;
      const loaded = await load(node, { files: { 'job.js': source } }, 'job.js', 'a');
      expect(loaded).toMatchObject({ results: ['a?'] });
      expect(loaded.stdout).toContain('before');
      expect(loaded.stdout).not.toContain('AFTER');
    });

    it('I2: a file that goes on after it defined its job is waited for', async () => {
      const source = `${JOB}define('a', (s) => s + late);
        const late = await new Promise((resolve) => setTimeout(resolve, 20, '!'));`;
      expect(await load(node, { files: { 'job.js': source } }, 'job.js', 'a')).toMatchObject({
        results: ['a!'],
      });
    });

    it('a file that never ends is taken as it is, with a hint', async () => {
      const source = `${JOB}define('a'); await new Promise(() => setInterval(() => {}, 1000));`;
      const loaded = await load(node, { files: { 'job.js': source } }, 'job.js', 'a');
      expect(loaded.results).toEqual(['a']);
      expect(loaded.hints?.[0]).toContain(
        'still waits at its top level 5000 ms after it defined the job',
      );
    });

    it('hints at a file that is slow to load or opens a listening socket', async () => {
      const source = `${JOB}import { createServer } from 'node:net';
        define('a');
        await new Promise((resolve) => createServer().listen(0, '127.0.0.1', resolve));
        const until = performance.now() + 300;
        while (performance.now() < until);`;
      const { hints = [], at } = await load(node, { files: { 'job.js': source } }, 'job.js', 'a');
      expect(hints).toHaveLength(2);
      expect(hints[0]).toMatch(
        new RegExp(`^job "a": ${at('job.js')} takes \\d{3,} ms to load, in each thread anew`),
      );
      expect(hints[1]).toContain('opens a listening socket');
    });

    it('finds the job of the file among others of the same name', async () => {
      const files = {
        'job.js': `import './other.js'; ${JOB}define('a', () => 'own');`,
        'other.js': `${JOB}define('a', () => 'other');`,
      };
      expect(await load(node, { files }, 'job.js', 'a')).toMatchObject({ results: ['own'] });
    });

    it('a job whose helper in another file calls job() needs a url, and works with it', async () => {
      const files = {
        'helper.js': `import { job } from 'millrace';
          export const define = (name, url) => job(name, url ? { url } : {}, (ssc) => ssc.inputStream('x').map((s) => s).print());`,
        'job.js': `import { define } from './helper.js'; define('a', import.meta.url);`,
      };
      const loaded = await load(node, { files }, 'job.js', 'a');
      expect(loaded).toMatchObject({ results: ['a'], url: `file://${loaded.at('job.js')}` });
    });

    it('package imports stand in for aliases', async () => {
      const files = {
        'job.js': `${JOB}import { up } from '#up'; define('a', up);`,
        'up.js': `export const up = (s) => s.toUpperCase();`,
      };
      const manifest = { type: 'module', imports: { '#up': './up.js' } };
      expect(await load(node, { files, manifest }, 'job.js', 'a')).toMatchObject({
        results: ['A'],
      });
    });

    describe('says what is wrong:', () => {
      const failing = async (
        source: string,
        file = 'job.js',
        options: ProjectOptions = {},
      ): Promise<Loaded & { at: Project['at'] }> =>
        load(node, { ...options, files: { ...options.files, [file]: source } }, file, 'a');

      it('the file is missing, or is a directory', async () => {
        const missing = await load(node, {}, 'gone/job.js', 'a');
        expect(missing).toMatchObject({
          code: 'ERR_MILLRACE_JOB_FILE_MISSING',
          message: `job file ${missing.at('gone/job.js')}: there is no such file`,
        });
        const directory = await load(node, { files: { 'jobs/a.js': '' } }, 'jobs', 'a');
        expect(directory).toMatchObject({ code: 'ERR_MILLRACE_JOB_FILE_MISSING' });
        expect(directory.message).toContain('it is a directory');
      });

      it('the file throws', async () => {
        const { code, message, cause, at } = await failing(
          `${JOB}\n\nthrow new RangeError('no table');`,
        );
        expect(code).toBe('ERR_MILLRACE_JOB_FILE_THREW');
        expect(message).toMatch(
          new RegExp(
            `^job file ${at('job.js')} failed while it was loaded: RangeError: no table, at ${at('job.js')}:5:7$`,
          ),
        );
        expect(cause).toBe('RangeError: no table');
      });

      it('the file throws what is no error', async () => {
        const { code, message } = await failing(`throw 'nothing';`);
        expect(code).toBe('ERR_MILLRACE_JOB_FILE_THREW');
        expect(message).toMatch(/failed while it was loaded: it threw nothing$/);
      });

      it('the file has a syntax error', async () => {
        const { code, message, at } = await failing(`let let = 1;`);
        expect(code).toBe('ERR_MILLRACE_JOB_FILE_THREW');
        expect(message).toContain(
          `job file ${at('job.js')} failed while it was loaded: SyntaxError`,
        );
      });

      it('the file gives a wrong option: that error passes as it is', async () => {
        const { code, message } = await failing(
          `import { job } from 'millrace'; job('a', { threadz: 1 }, () => {});`,
        );
        expect(code).toBe('ERR_MILLRACE_BAD_OPTION');
        expect(message).toContain('there is no option "threadz"');
      });

      it('the job is defined inside a function', async () => {
        const { code, message, at } = await failing(`${JOB}export const make = () => define('a');`);
        expect(code).toBe('ERR_MILLRACE_JOB_NOT_FOUND');
        expect(message).toContain(
          `job "a" was not defined while loading ${at('job.js')}. It defines no job. Define it at the top level`,
        );
        expect(message).toContain('not inside a function or a test callback');
        expect(message).toContain('or use threads: 0');
      });

      it('the file defines other jobs', async () => {
        const { code, message } = await failing(`${JOB}define('b'); define('c');`);
        expect(code).toBe('ERR_MILLRACE_JOB_NOT_FOUND');
        expect(message).toContain('It defines "b", "c"');
      });

      it('the job is defined behind a run()', async () => {
        const { code, message } = await failing(
          `${JOB}import { run } from 'millrace'; await run(define('b')); define('a');`,
        );
        expect(code).toBe('ERR_MILLRACE_JOB_NOT_FOUND');
        expect(message).toContain('Define all jobs of a file before the first run()');
      });

      it('an import is an alias, a package that is missing, or TypeScript under a name in JavaScript', async () => {
        const alias = await failing(`${JOB}import '@util';`);
        expect(alias.code).toBe('ERR_MILLRACE_JOB_FILE_THREW');
        expect(alias.message).toContain('use "imports" in package.json instead');
        const missing = await failing(`${JOB}import 'not-there';`);
        expect(missing.message).toContain('If that is a package, install it');
        const renamed = await failing(`${JOB}import './text.js';`, 'job.js', {
          fixtures: ['text.ts'],
        });
        expect(renamed.message).toContain('The file is there as TypeScript: write its real name');
      });

      it.skipIf(node.strips)('nothing can read TypeScript', async () => {
        const options = { fixtures: ['shout.ts', 'text.ts'], installed: true };
        const loaded = await load(node, options, 'shout.ts', 'shout');
        expect(loaded.code).toBe('ERR_MILLRACE_TS_LOADER');
        expect(loaded.message).toContain('install tsx where the job is');
      });

      it('a TypeScript file has a syntax error', async () => {
        const { code, message, at } = await failing(`const a: = 1;`, 'job.ts', tsx);
        expect(code).toBe('ERR_MILLRACE_JOB_FILE_THREW');
        expect(message).toContain(`job file ${at('job.ts')} failed while it was loaded: `);
        expect(message).toMatch(
          /Transform failed with 1 error: .*job\.ts:1:9: ERROR: |SyntaxError.*: /,
        );
      });

      it.runIf(node.strips)('type stripping refuses the syntax', async () => {
        const { code, message, at } = await failing(
          `${JOB}enum Colour { Red = 'r' }\ndefine('a', () => Colour.Red);`,
          'job.ts',
        );
        expect(code).toBe('ERR_MILLRACE_TS_LOADER');
        expect(message).toContain(
          `${at('job.ts')} can't be loaded by Node's type stripping: TypeScript enum is not supported`,
        );
        expect(message).toContain('node --import tsx');
      });
    });
  });
}
