/** Each test that docs/guarantees.md and docs/chaos.md name as a proof exists, under that title, in that file. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { page, root } from './pages.ts';

describe.each(['docs/guarantees.md', 'docs/chaos.md'])('%s', (name) => {
  const cited = [...page(name).prose.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g)]
    .map(([, title, file]) => ({ title: title!, file: normalize(join('docs', file!)) }))
    // Some name a whole file.
    .filter(({ title, file }) => title !== basename(file));

  it('names proofs', () => {
    expect(cited.length).toBeGreaterThan(3);
  });

  it.each(cited)('$title ($file)', ({ title, file }) => {
    const titles = readFileSync(root + file, 'utf8')
      .split('\n')
      .map((line) => line.replaceAll("\\'", "'"));
    const parts = title.split('…');
    const found = titles.some((line) => {
      let from = 0;
      return parts.every((part) => {
        const at = line.indexOf(part, from);
        from = at + part.length;
        return at >= 0;
      });
    });
    expect(found, `no line of ${file} has this title`).toBe(true);
  });
});

it.each(['guarantees', 'chaos'])(
  'every row of a table of docs/%s.md that promises has a proof',
  (name) => {
    const bare = page(`docs/${name}.md`)
      .prose.split('\n')
      .filter(
        (line, n, lines) => isPromise(line, n, lines) && !/\]\(\.\.\/(test|chaos)\//.test(line),
      );
    // What is promised by nothing is said so.
    expect(bare.filter((line) => !line.endsWith('| – |'))).toEqual([]);
  },
);

it('every script of chaos/ has its place in docs/chaos.md or chaos/README.md', () => {
  const told = page('docs/chaos.md').prose + page('chaos/README.md').prose;
  const files = readdirSync(`${root}chaos`).filter((file) => file.endsWith('.ts'));
  expect(files.filter((file) => !told.includes(`${file})`))).toEqual([]);
});

/** A row, not the head, of a table whose last column is for proofs. */
function isPromise(line: string, n: number, lines: readonly string[]): boolean {
  if (!line.startsWith('| ') || line.startsWith('| ---')) return false;
  let head = n;
  while (lines[head - 1]?.startsWith('|')) head--;
  return n > head && /\| (proved by|script, or test) \|$/.test(lines[head]!);
}
