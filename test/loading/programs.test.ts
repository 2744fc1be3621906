/**
 * Whole programs, started in every way that we know of, with jobs on real threads. One test for each row of the table
 * in docs/loading.md.
 */
// Comes with tsx.
import { build, type BuildOptions } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Done,
  inRepository,
  type Node,
  nodes,
  type Project,
  project,
  type ProjectOptions,
  removeProjects,
} from './project.ts';

let made: Project | undefined;
afterEach(removeProjects);

function start(
  node: Node,
  options: ProjectOptions,
  args: readonly string[],
  input?: string,
): Promise<Done> {
  made = project({ ...options, fixtures: ['drive.js', ...(options.fixtures ?? [])] });
  return made.run(node, args, input);
}

const IMPORTS = `import { job, run } from 'millrace';
import { drive } from './drive.js';
`;
const DEFINE = `const shout = job('shout', { batchInterval: 100 }, (ssc, args) => {
  ssc.inputStream('lines').flatMap((line) => line.split(' ')).map((word) => word.toUpperCase() + suffix).collectAs('out');
});
const suffix = '!';
`;
const OUT = 'drained: A! B! C!\n';
const RUN = `await drive(await run(shout, { threads: 2 }));\n`;
const tsx = { packages: ['tsx', 'esbuild'] };
const typed = { ...tsx, fixtures: ['shout.ts', 'text.ts'] };
const TYPED_MAIN = `import { run } from 'millrace';
import { drive } from './drive.js';
import shout from './shout.ts';
const threads: number = 2;
await drive(await run(shout, { threads, args: { prefix: '-' } }));
`;
const TYPED_OUT = 'drained: -A! -B! -C!\n';

for (const node of await nodes()) {
  describe(`on Node ${node.version}`, () => {
    it('a main file that runs the job of another file, by object, URL and path', async () => {
      const files = {
        'job.js': `import { job } from 'millrace';\n${DEFINE}export default shout;`,
        'main.js': `${IMPORTS}import shout from './job.js';
          ${RUN}
          await drive(await run(new URL('./job.js', import.meta.url), { threads: 2 }));
          await drive(await run('job.js', { threads: 1 }));`,
      };
      expect(await start(node, { files }, ['main.js'])).toEqual({
        code: 0,
        stdout: OUT.repeat(3),
        stderr: '',
      });
    });

    it('one file with a guard', async () => {
      const source = `${IMPORTS}import { fileURLToPath } from 'node:url';
        ${DEFINE}
        if (process.argv[1] === fileURLToPath(import.meta.url)) { ${RUN} }`;
      expect(await start(node, { files: { 'main.js': source } }, ['main.js'])).toEqual({
        code: 0,
        stdout: OUT,
        stderr: '',
      });
    });

    it('one file without a guard: what stands before run() happens in each thread, what stands behind it once', async () => {
      const source = `${IMPORTS}import { appendFileSync } from 'node:fs';
        const note = (text) => appendFileSync('notes', text);
        note('+');
        ${DEFINE}
        ${RUN}
        note('-');`;
      const done = await start(node, { files: { 'main.js': source } }, ['main.js']);
      expect(done).toEqual({ code: 0, stdout: OUT, stderr: '' });
      expect(made?.read('notes')).toMatch(/^\+{3,}-$/);
    });

    it('CommonJS', async () => {
      const source = `const { job, run } = require('millrace');
        const { join } = require('node:path');
        ${DEFINE}
        module.exports = shout;
        if (require.main === module) import('./drive.js').then(async ({ drive }) => { ${RUN} });`;
      expect(await start(node, { files: { 'main.cjs': source } }, ['main.cjs'])).toMatchObject({
        code: 0,
        stdout: OUT,
      });
    });

    it('tsx main.ts', async () => {
      const options = { ...typed, files: { 'main.ts': TYPED_MAIN } };
      const cli = inRepository('node_modules/tsx/dist/cli.mjs');
      expect(await start(node, options, [cli, 'main.ts'])).toEqual({
        code: 0,
        stdout: TYPED_OUT,
        stderr: '',
      });
    });

    it('node --import tsx main.ts, of which one imports TypeScript from JavaScript and has an enum', async () => {
      const files = {
        'main.ts': `${IMPORTS}import shout from './job.js'; enum Threads { Two = 2 }
          await drive(await run(shout, { threads: Threads.Two as number }));`,
        'job.js': `import { job } from 'millrace'; import { suffix } from './suffix.ts';
          export default job('shout', { batchInterval: 100 }, (ssc) =>
            ssc.inputStream('lines').flatMap((line) => line.split(' ')).map((word) => word + suffix).collectAs('out'));`,
        'suffix.ts': `enum Suffix { Mark = '?' } export const suffix: string = Suffix.Mark;`,
      };
      const done = await start(node, { ...tsx, files }, ['--import', 'tsx', 'main.ts']);
      expect(done).toEqual({ code: 0, stdout: 'drained: a? b? c?\n', stderr: '' });
    });

    it.runIf(node.strips)('node main.ts', async () => {
      const done = await start(node, { ...typed, files: { 'main.ts': TYPED_MAIN } }, ['main.ts']);
      expect(done).toMatchObject({ code: 0, stdout: TYPED_OUT });
    });

    it('a JavaScript main that runs a TypeScript job by its URL', async () => {
      const source = `${IMPORTS}await drive(await run(new URL('./shout.ts', import.meta.url), { threads: 1 }));`;
      const done = await start(node, { ...typed, files: { 'main.js': source } }, ['main.js']);
      expect(done).toMatchObject({ code: 0, stdout: OUT });
    });

    it('a bundle with millrace left out: esbuild --packages=external', async () => {
      const done = await bundled(node, {
        packages: 'external',
        format: 'esm',
        outfile: 'out/main.mjs',
      });
      expect(done).toEqual({ code: 0, stdout: OUT, stderr: '' });
    });

    it.each([
      // What the bundle takes in may call require().
      [
        'esm',
        'out/main.mjs',
        `import { createRequire as from } from 'node:module'; const require = from(import.meta.url);`,
      ],
      ['cjs', 'out/main.cjs', ''],
    ] as const)(
      'millrace inside a bundle (%s) is a clear error, and works with threads: 0',
      async (format, outfile, js) => {
        const tail = `run(shout, { threads: 2 }).catch(async (error) => {
        console.log(error.code, error.message);
        await drive(await run(shout, { threads: 0 }));
      });`;
        const done = await bundled(node, { format, outfile, banner: { js } }, tail);
        expect(done.stdout).toContain('ERR_MILLRACE_BUNDLED job "shout"');
        expect(done.stdout).toContain(`millrace was bundled into ${made?.at(outfile)}`);
        expect(done.stdout).toContain('esbuild --packages=external');
        expect(done.stdout).toContain(OUT);
      },
    );

    describe('a job that other threads can not load is a clear error', () => {
      const EVAL = `const { job, run } = require('millrace');
        const made = job('a', (ssc) => ssc.inputStream('x').print());
        run(made, { threads: 1 }).catch((error) => console.log(error.code, error.message));\n`;

      it.each([
        ['node -e', ['-e', EVAL], undefined, 'it was defined by node -e'],
        ['standard input', ['-'], EVAL, 'it was defined by node -e or from standard input'],
        [
          'a module by node -e',
          [
            '--input-type=module',
            '-e',
            EVAL.replace(/const (.*) = require\('(.*)'\)/, "import $1 from '$2'"),
          ],
          undefined,
          'node -e',
        ],
        ['the prompt', ['-i'], EVAL.replaceAll('\n', ''), "it was defined at Node's prompt"],
      ])('%s', async (_what, args, input, why) => {
        const { stdout } = await start(
          node,
          {},
          args,
          input === undefined ? undefined : `${input}\n`,
        );
        expect(stdout).toMatch(
          /(^|\n|> )ERR_MILLRACE_JOB_NOT_LOADABLE job "a" \(.*\) can't be loaded by other threads/,
        );
        expect(stdout).toContain(why);
        expect(stdout).toContain('or use threads: 0');
      });

      it('a file of node:test; with threads: 0 it works there', async () => {
        const source = `${IMPORTS}import { test } from 'node:test'; import assert from 'node:assert';
          ${DEFINE}
          test('threads', () => assert.rejects(run(shout, { threads: 1 }), { code: 'ERR_MILLRACE_JOB_NOT_LOADABLE' }));
          test('none', async () => drive(await run(shout, { threads: 0 })));`;
        const files = { 'job.test.js': source };
        const runner = await start(node, { files }, ['--test', 'job.test.js']);
        expect(runner.stdout).toMatch(/pass 2/);
        expect((await made?.run(node, ['job.test.js']))?.code).toBe(0);
      });

      it('a job inside a function is found in no thread', async () => {
        const files = {
          'main.js': `${IMPORTS}const make = () => { ${DEFINE} return shout; };
            if (process.argv[2]) await run(make(), { threads: 1 }).catch((error) => console.log(error.code, error.message));`,
        };
        const { stdout } = await start(node, { files }, ['main.js', 'go']);
        expect(stdout).toMatch(
          /^ERR_MILLRACE_JOB_NOT_FOUND job "shout" was not defined while loading .*main\.js/,
        );
        expect(stdout).toContain('Define it at the top level of the module');
      });

      it('a builder that is not deterministic', async () => {
        const source = `${IMPORTS}import { threadId } from 'node:worker_threads';
          const made = job('a', (ssc) => { const s = ssc.inputStream('x'); (threadId === 0 ? s.map((x) => x) : s.filter(() => true)).print(); });
          await run(made, { threads: 1 }).catch((error) => console.log(error.code, error.message));`;
        const { stdout } = await start(node, { files: { 'main.js': source } }, ['main.js']);
        expect(stdout).toMatch(
          /^ERR_MILLRACE_GRAPH_MISMATCH job "a" .* operator 2 is map#1 at .*main\.js:\d+:\d+/,
        );
      });
    });
  });
}

/** Bundles a program of two files, and runs the bundle. */
async function bundled(
  node: Node,
  options: BuildOptions & { readonly outfile: string },
  tail: string = RUN,
): Promise<Done> {
  const files = {
    'job.js': `import { job } from 'millrace';\n${DEFINE}export { shout };`,
    'main.js': `${IMPORTS}import { shout } from './job.js';\n${tail}`,
  };
  made = project({ fixtures: ['drive.js'], files });
  await build({
    absWorkingDir: made.directory,
    entryPoints: ['main.js'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    ...options,
  });
  return made.run(node, [options.outfile]);
}
