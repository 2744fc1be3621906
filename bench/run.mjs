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
  'checkpoint',
  'log',
  'wal',
  'restart',
  'memory',
];
// Names come first; from the first flag on all is the benches' own: `npm run bench -- topology --pairs 5`.
const given = process.argv.slice(2);
const first = given.findIndex((arg) => arg.startsWith('-'));
const [named, flags] = first < 0 ? [given, []] : [given.slice(0, first), given.slice(first)];
let failed = 0;
for (const name of named.length > 0 ? named : ALL) {
  console.log(`\n## ${name}`);
  if (
    spawnSync(process.execPath, [file(`${name}.mjs`), ...flags], { stdio: 'inherit' }).status !== 0
  )
    failed++;
}
process.exit(failed === 0 ? 0 : 1);
