/** What the pages point at is there: files, anchors, paths in the text, commands of benches and scripts. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorOf, page, pages, root } from './pages.ts';

const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};

function anchors(path: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  return new Set(
    page(path).headings.map((heading) => {
      const anchor = anchorOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
      const times = seen.get(anchor) ?? 0;
      seen.set(anchor, times + 1);
      return times === 0 ? anchor : `${anchor}-${times}`;
    }),
  );
}

describe.each(pages().map((each) => [each.path, each] as const))('%s', (path, { text, prose }) => {
  it('links to files and anchors that exist', () => {
    const broken: string[] = [];
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const at = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(root + at)) broken.push(target);
      else if (anchor !== undefined && !(at.endsWith('.md') && anchors(at).has(anchor)))
        broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  it('names files and folders that exist', () => {
    const named = text.matchAll(
      /(?<![\w/.-])(?:src|test|bench|examples|docs|assembly|scripts)\/[\w./-]*\w/g,
    );
    const missing = [...named].map(([name]) => name).filter((name) => !exists(name));
    expect(missing).toEqual([]);
  });

  it('names scripts that package.json has', () => {
    const named = [...text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:]+)/g)];
    expect(named.map(([, script]) => script).filter((script) => !(script! in scripts))).toEqual([]);
  });
});

/** Written as a file or folder, or as one of a family: `test/docs`, `src/run/threads.ts`, `docs/errors`. */
function exists(name: string): boolean {
  if (existsSync(root + name)) return true;
  const folder = root + dirname(name);
  return existsSync(folder) && statSync(folder).isDirectory() && existsSync(`${root + name}.ts`);
}
