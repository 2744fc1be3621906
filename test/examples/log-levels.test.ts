/** examples/log-levels.ts on a directory to which files are moved while it runs. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-logs-'));

afterEach(async () => {
  await endAll();
  rmSync(scratch, { recursive: true, force: true });
});

const log = (...levels: string[]): string =>
  levels.map((level, n) => `2026-01-01T00:00:0${n} ${level} message ${n}\n`).join('');

it('counts levels and shows errors, file by file, each once', async () => {
  const directory = join(scratch, 'logs');
  mkdirSync(directory);
  const put = (name: string, text: string): void => {
    writeFileSync(join(scratch, name), text);
    renameSync(join(scratch, name), join(directory, name));
  };
  put('old.log', log('INFO', 'ERROR', 'INFO', 'ERROR', 'WARN', 'ERROR', 'ERROR'));
  const args = JSON.stringify({ directory, newFilesOnly: false });
  const command = millrace(['run', 'examples/log-levels.ts', '-t', '2', '--args', args]);
  await command.said(/\(ERROR,4\)/);
  put('new.log', log('DEBUG', 'DEBUG', 'INFO'));
  await command.said(/\(DEBUG,2\)/);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);

  const records = (text: string): string[] =>
    text.split('\n').filter((line) => line !== '' && !/^(-|Time:)/.test(line));
  const batches = stdout
    .split(/(?=-{43}\nTime: \d+ ms\n-{43}\n)/)
    .map(records)
    .filter((batch) => batch.length > 0);
  expect(batches.map((batch) => batch.sort())).toEqual([
    ['(ERROR,4)', '(INFO,2)', '(WARN,1)'],
    ['...', ...[1, 3, 5].map((n) => `2026-01-01T00:00:0${n} ERROR message ${n}`)],
    ['(DEBUG,2)', '(INFO,1)'],
  ]);
});
