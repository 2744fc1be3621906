/**
 * `npm test`: makes the clone ready, runs the tests, and ends with the line `N passed, N failed`.
 * Arguments go to vitest, as in `npm test -- test/errors.test.ts -t wire`.
 *
 * A test file that can't be loaded and an error outside every test count as one failure each, so
 * the line never says `0 failed` when the exit code isn't 0.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const scratch = fs.mkdtempSync(join(tmpdir(), 'millrace-test-'));
const counts = join(scratch, 'counts.json');

let status = node('scripts/ensure.mjs');
if (status === 0) {
  const reporters = ['--reporter=./scripts/count-reporter.mjs'];
  if (!args.some((each) => each.startsWith('--reporter'))) reporters.unshift('--reporter=default');
  status = node('node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args);
}

let { passed, failed } = { passed: 0, failed: 0 };
if (fs.existsSync(counts)) ({ passed, failed } = JSON.parse(fs.readFileSync(counts, 'utf8')));
fs.rmSync(scratch, { recursive: true, force: true });
if (status !== 0 && failed === 0) failed = 1;
if (status === 0 && failed > 0) status = 1;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = status;

function node(script, ...rest) {
  const done = spawnSync(process.execPath, [join(root, script), ...rest], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MILLRACE_TEST_COUNTS: counts },
  });
  return done.status ?? 1;
}
