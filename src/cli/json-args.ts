/**
 * `--args JSON`, with the place of what is wrong in it.
 *
 * JSON.parse says where it stopped in some messages, depending on the version of Node and the length of the text. So
 * the place is found by asking: the shortest beginning that no continuation could save ends in the culprit.
 */
import { millraceError } from '../errors.ts';

/** @throws ERR_MILLRACE_BAD_ARGS */
export function parseJsonArgs(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw badJson(text, cause as Error);
  }
}

function badJson(text: string, cause: Error): Error {
  const at = culprit(text);
  const before = text.slice(0, at).split('\n');
  const line = before.length;
  const column = (before.at(-1) ?? '').length + 1;
  const what =
    at >= text.length ? 'it ends too early' : `${JSON.stringify(text[at])} can't stand here`;
  const place = `position ${at} (line ${line}, column ${column})`;
  // One line of the text with a mark under the place; a long line is cut around it.
  const whole = text.split('\n')[line - 1] ?? '';
  const from = Math.max(0, column - 41);
  const excerpt = `    ${whole.slice(from, from + 80)}\n    ${' '.repeat(column - 1 - from)}^`;
  return millraceError(
    'ERR_MILLRACE_BAD_ARGS',
    `--args isn't JSON: ${what}, at ${place}\n${excerpt}`,
    { context: { position: at, line, column }, cause },
  );
}

/** Index of the first character that no JSON text could have there; the length when the text is only cut short. */
function culprit(text: string): number {
  // No beginning of `low` characters is beyond saving, one of `high` is.
  let low = 0;
  let high = text.length + 1;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (canGoOn(text.slice(0, middle))) low = middle;
    else high = middle;
  }
  return low;
}

function canGoOn(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (/end of JSON input|Unterminated string/.test(message)) return true;
    const position = /at position (\d+)/.exec(message)?.[1];
    return position !== undefined && Number(position) >= beginning.length;
  }
}
