/** docs/architecture.md: the table of rooms is the list of rooms that there are, and imports point up in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { page, root, tableBelow } from './pages.ts';

const rooms = tableBelow(page('docs/architecture.md'), 'Rooms').map(([room]) => room!);

/** Beside the rooms: what a thread starts from, and names of WebAssembly for the compiler. */
const OTHERS = ['src/worker.ts', 'src/wasm.d.ts'];

it('has every room', () => {
  const there = readdirSync(`${root}src`).map((name) => `src/${name}`);
  expect([...rooms, ...OTHERS].sort()).toEqual(there.sort());
});

it('every import points up in the list', () => {
  const wrong: string[] = [];
  for (const name of readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })) {
    const file = `src/${name}`;
    if (!file.endsWith('.ts') || OTHERS.includes(file)) continue;
    const text = readFileSync(root + file, 'utf8');
    for (const [, target] of text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
      const imported = relative(root, join(root, dirname(file), target!));
      if (rankOf(imported) > rankOf(file)) wrong.push(`${file} imports ${imported}`);
    }
  }
  expect(wrong).toEqual([]);
});

function rankOf(file: string): number {
  return rooms.findIndex((room) => file === room || file.startsWith(`${room}/`));
}
