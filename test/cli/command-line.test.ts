/** What the command says and with which code it ends when it is called: usage, mistakes, `plan`. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { endAll, jobFile, millrace, root } from './command.ts';

afterEach(endAll);

describe('called wrongly: exit code 2, and what would be right', () => {
  it('without arguments it shows what there is', async () => {
    const { code, stdout, stderr } = await millrace([]).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/Usage: millrace[^]*run[^]*plan[^]*demo[^]*Exit codes: 0 drained, 2/);
  });

  it.each([
    [['rum', 'x.js'], /unknown command 'rum'\n\(Did you mean run\?\)/],
    [['run'], /missing required argument 'job'/],
    [['run', 'x.js', '--thread', '2'], /unknown option '--thread'\n\(Did you mean --threads\?\)/],
    [['run', 'x.js', '-t', 'two'], /'two' is invalid\. It must be a whole number from 0 to 32\./],
    [['run', 'x.js', '-t', '33'], /'33' is invalid/],
    [['run', 'x.js', '--deadline', 'soon'], /must be a duration, such as '500ms', '30s'/],
    [['demo', '--seconds', '0'], /must be a number of seconds/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await millrace(args).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).toContain('(--help shows what there is)');
  });

  it('--args that is no JSON: with the place of what is wrong', async () => {
    const { code, stderr } = await millrace([
      'run',
      jobFile('wordcount.mjs'),
      '--args',
      '{"port":99 99}',
    ]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(
      'ERR_MILLRACE_BAD_ARGS: --args isn\'t JSON: "9" can\'t stand here, at position 11 (line 1, column 12)',
    );
    expect(stderr).toContain('    {"port":99 99}\n               ^\n');
    expect(stderr).toContain('what to do: ');
  });

  it.each(['run', 'plan'])(
    '%s of a file that is not there names it and says what to do',
    async (command) => {
      const { code, stderr } = await millrace([command, 'no/such/job.js']).ended;
      expect(code).toBe(2);
      expect(stderr).toContain(
        `ERR_MILLRACE_JOB_FILE_MISSING: job file ${root}no/such/job.js: there is no such file`,
      );
      expect(stderr).toContain('  what to do: Correct the path');
    },
  );

  it('a file that defines no job', async () => {
    const { code, stderr } = await millrace(['run', jobFile('no-job.mjs')]).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_MILLRACE_NO_JOB: \S+no-job\.mjs defines no job: it exports answer/);
  });
});

describe('errors show code, place, cure and cause', () => {
  it('a file that throws: exit code 70, the line, no stack', async () => {
    const { code, stderr } = await millrace(['plan', jobFile('throws-on-load.mjs')]).ended;
    expect(code).toBe(70);
    expect(stderr).toMatch(
      /^millrace: ERR_MILLRACE_JOB_FILE_THREW: .*RangeError: not today, at \S+throws-on-load\.mjs:3:7/,
    );
    expect(stderr).toContain('  cause: RangeError: not today\n');
    expect(stderr).not.toMatch(/^ +at .*\n +at /m);
  });

  it.each([
    ['--verbose', ['-v'], {}],
    ['MILLRACE_DEBUG', [], { MILLRACE_DEBUG: '1' }],
  ])('%s shows the stacks', async (_name, flags, env) => {
    const { code, stderr } = await millrace(['plan', jobFile('throws-on-load.mjs'), ...flags], env)
      .ended;
    expect(code).toBe(70);
    expect(stderr).toMatch(/\n {2}RangeError: not today\n +at .*throws-on-load\.mjs:3:7\n/);
  });

  it('a builder that misses its args names --args', async () => {
    const { code, stderr } = await millrace(['plan', jobFile('wordcount.mjs')]).ended;
    expect(code).toBe(70);
    expect(stderr).toMatch(/ERR_MILLRACE_BUILD: the builder of job "wordcount" .*--args JSON/);
  });
});

describe('what needs no job to run', () => {
  it('--version is the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      version: string;
    };
    expect(await millrace(['--version']).ended).toMatchObject({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  it('run --help shows flags and ends with 0', async () => {
    const { code, stdout } = await millrace(['run', '--help']).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/--threads[^]*--args[^]*--json[^]*--deadline/);
  });

  it('plan shows graph, stages and tasks', async () => {
    const { code, stdout, stderr } = await millrace([
      'plan',
      jobFile('wordcount.mjs'),
      '-t',
      '2',
      '--args',
      '{"port":9999}',
    ]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Job wordcount, a batch every 250 ms\n\nGraph\n/);
    expect(stdout).toMatch(/reduceByKey#1 +2 partitions +test\/cli\/jobs\/wordcount\.mjs:8:6/);
    expect(stdout).toMatch(/tasks on 2 workers/);
  });

  it('plan --json is one object', async () => {
    const { code, stdout } = await millrace([
      'plan',
      jobFile('wordcount.mjs'),
      '-t',
      '3',
      '--args',
      '{"port":9999}',
      '--json',
    ]).ended;
    expect(code).toBe(0);
    const plan = JSON.parse(stdout) as {
      job: string;
      threads: number;
      nodes: { kind: string }[];
      wiring: { workers: number };
    };
    expect(plan).toMatchObject({ job: 'wordcount', threads: 3, wiring: { workers: 3 } });
    expect(plan.nodes.map((node) => node.kind)).toEqual([
      'socket',
      'flatMap',
      'map',
      'combineByKey',
      'print',
    ]);
  });
});
