/** What to do about an error: the cure in docs/errors.md, which is shipped with the command. */
import { readFileSync } from 'node:fs';
import { MillraceError } from '../errors.ts';

const PAGE = new URL('../../docs/errors.md', import.meta.url);

/** The cure of a code, or undefined when the page isn't there or doesn't know it. */
export function cureOf(error: unknown): string | undefined {
  if (!(error instanceof MillraceError)) return undefined;
  try {
    return cureIn(readFileSync(PAGE, 'utf8'), error.code);
  } catch {
    return undefined;
  }
}

/** The paragraph behind `**Cure.**` in the section of a code, without markup. */
export function cureIn(page: string, code: string): string | undefined {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${code}\n`));
  const cure =
    section === undefined
      ? undefined
      : /^\*\*Cure\.\*\*\s+([^]*?)\s*(?:\n\n|(?![^]))/m.exec(section)?.[1];
  return cure?.replace(/`/g, '').replace(/\s*\n\s*/g, ' ');
}
