/** The pages of the repository as tests read them: headings, links, fenced blocks and tables. Pure but for reading files. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** A fenced block. */
export interface Fence {
  readonly language: string;
  readonly text: string;
  /** Of its first line in the page, from 1. */
  readonly line: number;
  /** The heading above it, without markup. */
  readonly heading: string;
}

export interface Page {
  /** From the root: `docs/cli.md`. */
  readonly path: string;
  readonly text: string;
  /** The text with the lines of fenced blocks left empty. */
  readonly prose: string;
  readonly fences: readonly Fence[];
  readonly headings: readonly string[];
}

/** All pages for readers: those at the root, and docs. */
export function pages(): readonly Page[] {
  const names = readdirSync(root).filter((name) => name.endsWith('.md'));
  const docs = readdirSync(`${root}docs`).filter((name) => name.endsWith('.md'));
  return [...names, ...docs.map((name) => `docs/${name}`)].map(page);
}

export function page(path: string): Page {
  const text = readFileSync(root + path, 'utf8');
  const fences: Fence[] = [];
  const headings: string[] = [];
  const prose: string[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  text.split('\n').forEach((line, index) => {
    const fence = /^```(\w*)$/.exec(line);
    prose.push('');
    if (open === undefined && fence !== null) {
      open = { language: fence[1]!, lines: [], line: index + 2 };
    } else if (open !== undefined && line === '```') {
      const { language, lines, line: at } = open;
      const heading = headings.at(-1) ?? '';
      fences.push({ language, text: `${lines.join('\n')}\n`, line: at, heading });
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(line);
    } else {
      prose[index] = line;
      const heading = /^#{1,6} (.+)$/.exec(line);
      if (heading !== null) headings.push(heading[1]!.replaceAll('`', ''));
    }
  });
  return { path, text, prose: prose.join('\n'), fences, headings };
}

/** The anchor that a heading gets, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');
}

/** The rows of the table below a heading, cells without their back quotes; the header row is left out. */
export function tableBelow({ path, text }: Page, heading: string): readonly (readonly string[])[] {
  const sections = text.split(/^#{1,6} /m);
  const section = sections.find((each) => each.split('\n', 1)[0]!.replaceAll('`', '') === heading);
  if (section === undefined) throw new Error(`${path} has no heading "${heading}"`);
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  if (lines.length < 3) throw new Error(`${path} has no table below "${heading}"`);
  return lines.slice(2).map((line) =>
    line
      .slice(1, line.lastIndexOf('|'))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|').replaceAll('`', '')),
  );
}
