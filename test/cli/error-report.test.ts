import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cureIn, cureOf } from '../../src/cli/cure.ts';
import { errorReport } from '../../src/cli/error-report.ts';
import { EXIT, exitCodeOf } from '../../src/cli/exit-codes.ts';
import { CODES, millraceError } from '../../src/errors.ts';

const failure = (): Error =>
  millraceError('ERR_MILLRACE_USER_FUNCTION', 'map#1 threw', {
    context: { operator: 'map#1', callSite: '/app/job.ts:3:5', record: { id: 7 }, epoch: 4 },
    cause: new RangeError('out of reach', { cause: 'a string' }),
  });

describe('an error as the command shows it', () => {
  it('says code, what, where, what to do and the chain of causes; what the message says is not said again', () => {
    expect(errorReport(failure(), { verbose: false, cure: 'Do better.' })).toMatch(
      /^millrace: ERR_MILLRACE_USER_FUNCTION: map#1 threw\n {2}where: called at \/app\/job\.ts:3:5, record \{"id":7\}\n {2}what to do: Do better\.\n {2}cause: RangeError: out of reach\n {4}cause: it threw a string\n$/,
    );
  });

  it('shows stacks only when asked', () => {
    expect(errorReport(failure(), { verbose: false })).not.toContain('error-report.test.ts:');
    expect(
      errorReport(failure(), { verbose: true }).match(/error-report\.test\.ts:/g)?.length,
    ).toBeGreaterThan(1);
  });

  it('breaks long lines at words', () => {
    const report = errorReport(failure(), {
      verbose: false,
      cure: 'word '.repeat(40).trim(),
      columns: 60,
    });
    for (const line of report.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(report).toContain(`\n${' '.repeat('  what to do: '.length)}word`);
  });

  it('ends for a chain of causes that bites its tail, and for what is no error', () => {
    const error = new Error('one');
    error.cause = new Error('two', { cause: error });
    expect(errorReport(error, { verbose: true }).length).toBeLessThan(20_000);
    expect(errorReport(undefined, { verbose: false })).toBe('millrace: it threw undefined\n');
  });
});

describe('cures', () => {
  it('every code has one in the page that is shipped', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    for (const code of Object.keys(CODES)) expect(cureIn(page, code), code).toMatch(/^[A-Z].*\.$/);
  });

  it('are found for Millrace errors only', () => {
    expect(cureOf(failure())).toBeDefined();
    expect(cureOf(new Error('no code'))).toBeUndefined();
  });
});

describe('exit codes', () => {
  it('usage, failure, memory', () => {
    expect(exitCodeOf(millraceError('ERR_MILLRACE_BAD_ARGS', ''))).toBe(EXIT.usage);
    expect(exitCodeOf(failure())).toBe(EXIT.failed);
    expect(exitCodeOf('anything')).toBe(EXIT.failed);
    expect(
      exitCodeOf(
        millraceError('ERR_MILLRACE_REACHED_MAX_RESTARTS', '', {
          context: { cause: 'oom: its heap reached the limit' },
        }),
      ),
    ).toBe(EXIT.memory);
    const cause = Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
    expect(exitCodeOf(millraceError('ERR_MILLRACE_THREAD_DIED', '', { cause }))).toBe(EXIT.memory);
  });
});
