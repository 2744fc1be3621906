import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Runs a module text against the built files in a process with flags of its own, and gives what it prints. */
function printed(flags: readonly string[], text: string): string {
  const dist = new URL('../../../dist/', import.meta.url).href;
  const module = text.replaceAll('DIST', dist);
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', module], {
    encoding: 'utf8',
  }).trim();
}

const BODIES = `
  const { ContextBuilder } = await import('DISTdstream/context-builder.js');
  const { plan } = await import('DISTplan/planner.js');
  const { createBody } = await import('DISTdstream/run/create-body.js');
  const { bestForm } = await import('DISTdstream/run/loop.js');
  const ssc = new ContextBuilder();
  ssc.socketTextStream('localhost', 1).words().countByValue(1).print();
  const planned = plan(ssc.freeze(), { workers: 1 });
  const sent = [];
  const body = createBody(planned, 0, { emit: (o, block) => sent.push(block), absent() {}, report() {} });
  body.block({ kind: 'text', port: 0, bytes: Buffer.from('a b a\\n') }, 0);
  body.barrier({ number: 1, batch: true, point: true, last: false, time: 1, zeroTime: 0 }, [[]]);
  console.log(bestForm(), body.constructor.name, sent[0].count);`;

test('loops are compiled where code may be generated, else closures', () => {
  expect(printed([], BODIES)).toBe('compiled KernelSourceBody 2');
  expect(printed(['--disallow-code-generation-from-strings'], BODIES)).toBe(
    'closures KernelSourceBody 2',
  );
});

test('declared text runs over strings where there is no WebAssembly', () => {
  // As under --jitless; the flag that takes it away has other names in other versions of Node.
  expect(printed(['--jitless'], `delete globalThis.WebAssembly;\n${BODIES}`)).toBe(
    'compiled SourceBody 2',
  );
});
