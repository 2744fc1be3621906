/** `millrace run` on real sockets, threads and signals. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { TextServer } from '../../src/testing/text-server.ts';
import { endAll, jobFile, millrace, type Command } from './command.ts';

const servers: TextServer[] = [];

afterEach(async () => {
  await endAll();
  for (const server of servers.splice(0)) await server.stop();
});

async function textServer(
  options: { port?: number } = {},
): Promise<{ server: TextServer; port: number }> {
  const server = new TextServer({
    resumable: true,
    limitLines: 1000,
    loopBytes: 200_000,
    vocabulary: 100,
    ...options,
  });
  servers.push(server);
  return { server, port: await server.listen() };
}

const wordcount = (port: number, ...flags: string[]): Command =>
  millrace([
    'run',
    jobFile('wordcount.mjs'),
    '-t',
    '1',
    '--args',
    JSON.stringify({ port }),
    ...flags,
  ]);

/** A batch with records in it, as `print` shows it. */
const PRINTED = /-{43}\nTime: \d+ ms\n-{43}\n\(\w+,\d+\)\n/;

describe('a job on threads, stopped by a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s drains: exit code 0; output on stdout, all else on stderr',
    async (signal) => {
      const { port } = await textServer();
      const command = wordcount(port);
      await command.said(PRINTED);
      command.signal(signal);
      const { code, stdout, stderr } = await command.ended;
      expect(code).toBe(0);
      expect(stdout.replace(/-{43}\nTime: \d+ ms\n-{43}\n(\(\w+,\d+\)\n)*(\.\.\.\n)?\n/g, '')).toBe(
        '',
      );
      expect(stderr).toMatch(
        /^millrace: job wordcount \(\S+wordcount\.mjs\) runs on 1 worker thread, a batch every 250 ms; worker 0: socketTextStream/,
      );
      expect(stderr).toMatch(/source socketTextStream#1 connected/);
      expect(stderr).toMatch(
        new RegExp(
          `${signal}: draining: nothing more is taken in; waiting for .*the last batch.*at most 30 s`,
        ),
      );
      expect(stderr).toMatch(/\nmillrace: drained after [\d.]+ s: \d+ batches, [\d,]+ records\n$/);
    },
  );

  it('--json: every line is an object with a type, the last one the summary', async () => {
    const { port } = await textServer();
    const command = wordcount(port, '--json');
    await command.until(
      () => (command.stdout.includes('"type":"printed"') ? true : undefined),
      'printed',
    );
    await command.said(/"type":"batchCompleted".*"records":\d+/);
    command.signal('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; at: string });
    for (const line of lines)
      expect(line).toMatchObject({
        type: expect.any(String) as string,
        at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      });
    const types = lines.map((line) => line.type);
    expect(types[0]).toBe('runStarted');
    expect(types).toEqual(
      expect.arrayContaining([
        'actorStarted',
        'sourceState',
        'batchSubmitted',
        'batchCompleted',
        'printed',
        'note',
        'drained',
      ]),
    );
    expect(lines.at(-1)).toMatchObject({
      type: 'summary',
      code: 0,
      drained: true,
      stuckThreads: [],
    });
  });

  it('a port that is refused is retried, visibly, until the server is there', async () => {
    const probe = createServer();
    const port = await new Promise<number>((resolve) => {
      probe.listen(0, '127.0.0.1', () => resolve((probe.address() as { port: number }).port));
    });
    await new Promise((resolve) => probe.close(resolve));
    const command = wordcount(port);
    await command.said(
      new RegExp(
        `source socketTextStream#1 disconnected: .*ECONNREFUSED 127\\.0\\.0\\.1:${port}; next attempt in \\d+ ms`,
      ),
    );
    await textServer({ port });
    await command.said(PRINTED);
    command.signal('SIGINT');
    expect((await command.ended).code).toBe(0);
  });

  it('threads: 0 runs it in the command itself', async () => {
    const { port } = await textServer();
    const command = millrace([
      'run',
      jobFile('wordcount.mjs'),
      '-t',
      '0',
      '--args',
      JSON.stringify({ port }),
    ]);
    await command.said(PRINTED);
    command.signal('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/runs in this thread/);
  });
});

describe('a job that can not drain: exit code 75', () => {
  it('when the deadline has passed', async () => {
    const command = millrace(['run', jobFile('never-done.mjs'), '-t', '1', '--deadline', '300ms']);
    await command.said(/runs on 1 worker/);
    command.signal('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(75);
    expect(stderr).toMatch(/not drained within 300 ms: gave up /);
    expect(stderr).toMatch(/stopped before it was drained after/);
  });

  it('when a second signal says now; the drain says what it waits for', async () => {
    const command = millrace(['run', jobFile('never-done.mjs'), '-t', '1']);
    await command.said(/runs on 1 worker/);
    command.signal('SIGINT');
    await command.said(/still draining: waiting for batch.* \d+(\.\d)? s left/);
    const asked = performance.now();
    command.signal('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(75);
    expect(stderr).toMatch(/SIGINT again: stopping now/);
    expect(performance.now() - asked).toBeLessThan(15_000);
  });

  it('when nobody reads what the job prints any more', async () => {
    const { port } = await textServer();
    const command = wordcount(port);
    await command.said(PRINTED);
    command.child.stdout!.destroy();
    const { code, signal, stderr } = await command.ended;
    expect({ code, signal }).toEqual({ code: 75, signal: null });
    expect(stderr).toMatch(/standard output was closed/);
  });
});

describe('a job that fails', () => {
  it('exit code 70 names operator, call site, record and cause', async () => {
    const { code, stdout, stderr } = await millrace([
      'run',
      jobFile('throws-at-batch.mjs'),
      '-t',
      '1',
    ]).ended;
    expect(code).toBe(70);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/millrace: failed after/);
    const report = stderr.slice(stderr.indexOf('millrace: ERR_'));
    expect(report).toMatch(/^millrace: ERR_MILLRACE_USER_FUNCTION: .*map/);
    expect(report).toMatch(/throws-at-batch\.mjs:6:6/);
    expect(report).toMatch(/what to do: /);
    expect(report).toMatch(
      /cause: TypeError: two is not allowed\n +at \S*throws-at-batch\.mjs:7:26\n/,
    );
  });

  it('with --json the summary has the error', async () => {
    const { code, stdout } = await millrace([
      'run',
      jobFile('throws-at-batch.mjs'),
      '-t',
      '1',
      '--json',
    ]).ended;
    expect(code).toBe(70);
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as object;
    expect(last).toMatchObject({
      type: 'summary',
      code: 70,
      drained: false,
      error: {
        code: 'ERR_MILLRACE_USER_FUNCTION',
        cause: { name: 'TypeError', message: 'two is not allowed' },
      },
    });
  });

  it('exit code 71 when a thread may have no more memory; the options of run() in the file hold', async () => {
    const { code, stderr } = await millrace(['run', jobFile('hoarder.mjs')]).ended;
    expect(stderr).toMatch(/ERR_MILLRACE_REACHED_MAX_RESTARTS: .*oom/);
    expect(code).toBe(71);
  });
});
