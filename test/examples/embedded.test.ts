/** examples/embedded.ts, as a program of its own: what it prints is known to the cent. */
import { expect, it } from 'vitest';
import { Command } from '../cli/command.ts';

it('counts every order and ends by itself', async () => {
  // Where Node reads no TypeScript itself, tsx does.
  const loader =
    'typescript' in process.features && process.features.typescript ? [] : ['--import', 'tsx'];
  const { code, stdout, stderr } = await new Command([
    process.execPath,
    ...loader,
    'examples/embedded.ts',
  ]).ended;
  expect(stderr).toBe('');
  expect(stdout).toBe('Oslo 166683.33\nPorto 166616.67\nQuito 166650\nall orders are counted\n');
  expect(code).toBe(0);
});
