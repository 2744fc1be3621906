// What does `import 'millrace'` cost, and what does it load?
//
//   node bench/import.mjs [--runs 9] [--json]
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { figure, machine, median } from './_util.mjs';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
});
const url = new URL('../dist/index.js', import.meta.url).href;
const script = `const t = performance.now(); await import(${JSON.stringify(url)}); console.log(performance.now() - t);`;
const ms = Array.from({ length: Number(flags.runs) }, () =>
  Number(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  ),
);
console.log(
  flags.json
    ? JSON.stringify({ bench: 'import', ms, median: median(ms) })
    : `# ${machine()}\nimport 'millrace': ${figure(ms, 1)} ms`,
);
