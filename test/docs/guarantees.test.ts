/** docs/guarantees.md: each test that is named as a proof exists, under that title, in that file. */
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { page, root } from './pages.ts';

const cited = [
  ...page('docs/guarantees.md').prose.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g),
].map(([, title, file]) => ({ title: title!, file: normalize(join('docs', file!)) }));

it('names proofs', () => {
  expect(cited.length).toBeGreaterThan(20);
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
