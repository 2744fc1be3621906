/** Lines of a text block as strings. Pure functions. */
import { Buffer, isAscii, isUtf8 } from 'node:buffer';

export interface Lines {
  readonly lines: string[];
  /** Byte sequences that aren't UTF-8, each of which became U+FFFD. */
  readonly invalid: number;
}

const NEWLINE = 10;
const RETURN = 13;

/** Splits at `\n`; one `\r` before it goes too. The last line may lack its `\n`. */
export function linesOf(bytes: Uint8Array): Lines {
  const length =
    bytes.length > 0 && bytes[bytes.length - 1] === NEWLINE ? bytes.length - 1 : bytes.length;
  if (bytes.length === 0) return { lines: [], invalid: 0 };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  let text: string;
  let invalid = 0;
  if (isAscii(buffer)) text = buffer.toString('latin1');
  else {
    text = buffer.toString('utf8');
    if (!isUtf8(buffer)) invalid = occurrences(text, '\uFFFD') - validReplacements(buffer);
  }
  const lines = text.split('\n');
  if (buffer.includes(RETURN)) {
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!;
      if (line.charCodeAt(line.length - 1) === RETURN) lines[i] = line.slice(0, -1);
    }
  }
  return { lines, invalid };
}

/** Text may hold U+FFFD in earnest: those were no damage. */
function validReplacements(buffer: Buffer): number {
  let count = 0;
  for (let at = buffer.indexOf('\uFFFD'); at >= 0; at = buffer.indexOf('\uFFFD', at + 3)) count++;
  return count;
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}
