// Runs all benches, or those named: `npm run bench -- ring wordcount`. About two hours in all: `topology`,
// `recovery` and `supervision` want many pairs or deaths, `memory` takes 10 minutes.
import { spawnSync } from 'node:child_process';
import { file } from './_util.mjs';

const ALL = [
  'import',
  'ring',
  'codec',
  'kernel',
  'pipeline',
  'wordcount',
  'latency',
  'topology',
  'ask',
  'kill',
  'recovery',
  'supervision',
  'embedding',
  'windows',
  'join',
  'state',
  'memory',
];
const named = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
let failed = 0;
for (const name of named.length > 0 ? named : ALL) {
  console.log(`\n## ${name}`);
  if (
    spawnSync(process.execPath, [file(`${name}.mjs`), ...flags], { stdio: 'inherit' }).status !== 0
  )
    failed++;
}
process.exit(failed === 0 ? 0 : 1);
