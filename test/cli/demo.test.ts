/** `millrace demo`, whole: a server, a job, deaths, and an exact ledger. */
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanEnv, Command, endAll, millrace, root } from './command.ts';

afterEach(endAll);

describe('without a terminal', () => {
  it('kills workers, the sources and the coordinator on a schedule, and its counts are exact', async () => {
    const { code, stdout, stderr } = await millrace([
      'demo',
      '-t',
      '2',
      '--rate',
      '20000',
      '--seconds',
      '6',
      '--kill-every',
      '1.5',
    ]).ended;
    expect(stderr).toBe('');
    expect(stdout).toMatch(/killing worker \d \(thread \d+\) \(terminate, from outside\)/);
    expect(stdout).toMatch(/killing worker \d \(thread \d+\) \(an uncaught error\)/);
    expect(stdout).toMatch(/killing worker \d \(thread \d+\) \(process\.exit\)/);
    expect(stdout).toMatch(/killing sources \(thread/);
    expect(stdout).toMatch(/killing coordinator \(thread/);
    expect(stdout).toMatch(/recovered in [\d.]+ ms from barrier \d+ \(worker \d/);
    expect(stdout).toMatch(/worker \d \(thread \d+\) died: exit 3/);
    expect(stdout).toMatch(/batch: [\d,]+ lines, [\d,]+ words, worked on for/);
    const last = /\ncounts exact: ([\d,]+) words in ([\d,]+) lines, (\d+) threads killed\n$/.exec(
      stdout,
    );
    expect(last, stdout).not.toBeNull();
    const [words, lines, killed] = last!.slice(1).map((text) => Number(text.replaceAll(',', '')));
    expect(killed).toBe(5);
    expect(words).toBe(lines! * 10);
    expect(lines).toBeGreaterThan(20_000);
    expect(code).toBe(0);
  });

  it('a signal ends it before its time, exact all the same', async () => {
    const command = millrace([
      'demo',
      '-t',
      '1',
      '--rate',
      '5000',
      '--seconds',
      '600',
      '--kill-every',
      '600',
    ]);
    await command.said(/batch: [1-9][\d,]* lines/);
    command.signal('SIGINT');
    const { code, stdout } = await command.ended;
    expect(stdout).toMatch(
      /SIGINT: draining[^]*counts exact: [\d,]+ words in [\d,]+ lines, 0 threads killed\n$/,
    );
    expect(code).toBe(0);
  });
});

/** `script` of util-linux gives a child a terminal. */
const hasScript =
  process.platform === 'linux' &&
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');

describe.skipIf(!hasScript)('on a terminal', () => {
  it('draws a table, kills a worker on k, ends exact on q, and leaves the terminal as it was', async () => {
    const line = `${JSON.stringify(process.execPath)} dist/cli/main.js demo -t 2 --rate 10000`;
    const command = new Command(['script', '-qec', `stty cols 100 rows 30; ${line}`, '/dev/null'], {
      ...cleanEnv({ TERM: 'xterm' }),
      PWD: root,
    });
    await command.said(/k kill a worker/);
    await command.said(/\d\d:\d\d:\d\d +[1-9][\d,]+ +\d/);
    command.child.stdin!.write('k');
    await command.said(/killed 1/);
    await command.said(/recovered 1, the last in/);
    command.child.stdin!.write('q');
    const { code, stdout } = await command.ended;
    expect(stdout).toContain('\x1b[?1049h\x1b[?25l');
    expect(stdout).toContain('TOP WORDS');
    expect(stdout.slice(stdout.lastIndexOf('\x1b[?1049h'))).toMatch(
      // eslint-disable-next-line no-control-regex
      /\x1b\[\?25h\x1b\[\?1049lcounts exact: [\d,]+ words in [\d,]+ lines, 1 thread killed\r?\n$/,
    );
    expect(code).toBe(0);
  });
});
