/**
 * Where the user called an operator: the first frame of the stack that isn't Millrace's own.
 *
 * Called while a graph is built, from any thread, never per record.
 *
 * The stack is read as text. Only so does it say what the user sees: Node, tsx and test runners map positions back to
 * TypeScript when they format a stack, and not in the structured frames behind it.
 */
import { fileURLToPath } from 'node:url';

export interface CallSite {
  /** An absolute path, or what stands for a file: `[eval]`, `REPL1`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** With source maps on, frames of `dist` show as `src`: both are ours. */
const OWN: readonly string[] = ownDirectories(import.meta.url);

/** A bundler that makes CommonJS leaves `import.meta` empty; what is ours can't be told there. */
function ownDirectories(metaUrl: string | undefined): readonly string[] {
  if (!metaUrl?.startsWith('file:')) return [];
  const inPackage = fileURLToPath(new URL('../../', metaUrl));
  return ['src', 'dist'].map((each) => inPackage + each + inPackage.slice(-1));
}

/** Our own frames above a user's are few: this many is always enough. */
const FRAMES = 32;

/** The user's call that led here, or undefined when all of the stack is ours. */
export function callSite(): CallSite | undefined {
  for (const line of stackText().split('\n')) {
    const site = siteOf(line);
    if (site !== undefined && !OWN.some((own) => site.file.startsWith(own))) return site;
  }
  return undefined;
}

/** {@link callSite} as `file:line:column`. */
export function callSiteText(): string {
  const site = callSite();
  return site === undefined ? 'unknown' : `${site.file}:${site.line}:${site.column}`;
}

function stackText(): string {
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = FRAMES;
    const text: unknown = new Error('call site').stack;
    if (typeof text === 'string') return text;
    // Somebody formats stacks as something else: take V8's own form.
    const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    if (prepare === undefined) return '';
    Reflect.deleteProperty(Error, 'prepareStackTrace');
    const plain = String(new Error('call site').stack);
    Object.defineProperty(Error, 'prepareStackTrace', prepare);
    return plain;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

const IN_BRACKETS = /^\s+at .*? \((.+):(\d+):(\d+)\)$/;
const BARE = /^\s+at (?:async )?(.+):(\d+):(\d+)$/;

function siteOf(frame: string): CallSite | undefined {
  const match = (frame.endsWith(')') ? IN_BRACKETS : BARE).exec(frame);
  if (match === null) return undefined;
  const file = pathOf(match[1] ?? '');
  if (file === undefined) return undefined;
  return { file, line: Number(match[2]), column: Number(match[3]) };
}

function pathOf(location: string): string | undefined {
  if (location.startsWith('node:') || location.startsWith('eval at ') || location === '<anonymous>')
    return undefined;
  const plain = location.replace(/[?#].*$/, '');
  if (!plain.startsWith('file://')) return plain;
  try {
    return fileURLToPath(plain);
  } catch {
    return plain;
  }
}
