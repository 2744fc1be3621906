/**
 * An error as the command shows it: code, what, where, what to do, the chain of causes. The stack comes only when it
 * was asked for. Pure text; who prints it is `main.ts`.
 */
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../errors.ts';

export interface ReportOptions {
  /** Shows stacks too. */
  readonly verbose: boolean;
  /** What to do, where that is known. */
  readonly cure?: string | undefined;
  /** Lines are broken at this column. @default 100 */
  readonly columns?: number;
}

/** Deeper than this a chain of causes says nothing new; it may even bite its tail. */
const MAX_CAUSES = 8;

/** What of the context says where, in this order, and how it is called. */
const WHERE: readonly (readonly [key: string, title: string])[] = [
  ['job', 'job'],
  ['operator', 'operator'],
  ['callSite', 'called at'],
  ['file', 'file'],
  ['actor', 'actor'],
  ['source', 'source'],
  ['batchId', 'batch'],
  ['record', 'record'],
];

/** The report, with a newline at its end. */
export function errorReport(thrown: unknown, options: ReportOptions): string {
  const { verbose, cure, columns = 100 } = options;
  const lines = [`millrace: ${titleOf(thrown)}`];
  const where = whereOf(thrown);
  if (where !== undefined) lines.push(...wrapped('  where: ', where, columns));
  if (cure !== undefined) lines.push(...wrapped('  what to do: ', cure, columns));
  lines.push(...causeLines(thrown));
  if (verbose) lines.push(...stackLines(thrown));
  return `${lines.join('\n')}\n`;
}

function titleOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `it threw ${String(thrown)}`;
  if (thrown instanceof MillraceError) return `${thrown.code}: ${thrown.message}`;
  const { code } = thrown as NodeJS.ErrnoException;
  const name = code === undefined ? thrown.name : `${thrown.name} [${code}]`;
  return `${name}: ${thrown.message}`;
}

/** What the message itself doesn't say. */
function whereOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof MillraceError)) return undefined;
  const parts: string[] = [];
  for (const [key, title] of WHERE) {
    const value = thrown.context[key];
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
    if (!thrown.message.includes(text)) parts.push(`${title} ${short(text)}`);
  }
  return parts.length === 0 ? undefined : parts.join(', ');
}

function causeLines(thrown: unknown): string[] {
  const lines: string[] = [];
  let last: unknown;
  let at = causeOf(thrown);
  while (at !== undefined && lines.length < MAX_CAUSES) {
    const title = firstLine(titleOf(at));
    lines.push(`${'  '.repeat(lines.length + 1)}cause: ${title}`);
    last = at;
    at = causeOf(at);
  }
  const site = siteOf(last);
  if (site !== undefined) lines.push(`${'  '.repeat(lines.length + 1)}at ${site}`);
  return lines;
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? thrown.cause : undefined;
}

/** Frames of Millrace itself lead nobody to the fault. */
const OWN: readonly string[] = ['src', 'dist'].map((each) =>
  fileURLToPath(new URL(`../../${each}/`, import.meta.url)),
);

/** Where the innermost error was thrown: usually a line of the job. */
function siteOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return undefined;
  for (const line of thrown.stack.split('\n')) {
    const match = /^\s+at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(line);
    const site = match?.[1]?.replace(/^file:\/\//, '');
    if (site !== undefined && !OWN.some((own) => site.startsWith(own))) return site;
  }
  return undefined;
}

function stackLines(thrown: unknown): string[] {
  const lines: string[] = [];
  let at = thrown;
  for (let depth = 0; at instanceof Error && depth <= MAX_CAUSES; depth++) {
    lines.push('', ...(at.stack ?? titleOf(at)).split('\n').map((line) => `  ${line}`));
    at = at.cause;
  }
  return lines;
}

/** Breaks text into lines of at most `columns`, the first behind `lead`, the rest below its text. */
function wrapped(lead: string, text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = lead;
  for (const word of text.split(' ')) {
    if (line.length > lead.length && line.length + word.length > columns) {
      lines.push(line.trimEnd());
      line = ' '.repeat(lead.length);
    }
    line += `${word} `;
  }
  lines.push(line.trimEnd());
  return lines;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function short(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}
