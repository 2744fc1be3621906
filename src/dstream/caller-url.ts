/**
 * Which file called us: how a job learns where other threads can import it from.
 *
 * Called on any thread, once a job; it walks a stack, so never on the way of a record. The stack is the only source
 * that is right under plain Node, tsx, type stripping, CommonJS, test runners and bundlers alike; `import.meta.url`
 * isn't (webpack rewrites it to the path of the source).
 *
 * I1  The frames above `below` are cut by V8, not by file name: a bundle that has us and the caller in one file, or a
 *     caller that lies in our own directory, changes nothing.
 * I2  `Error.prepareStackTrace` and `Error.stackTraceLimit` are as before afterwards, whatever happens.
 */
import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Where a call was made:
 *   module   in a file that other threads can import
 *   test     in a file that only its test runner can load
 *   eval     by `node -e`, `node -p` or from standard input
 *   repl     at Node's prompt
 *   unknown  in code without a file
 */
export type Origin = 'module' | 'test' | 'eval' | 'repl' | 'unknown';

export interface Caller {
  readonly origin: Origin;
  /** URL of the file; for code without one, the name that V8 gives it (`[eval]`, `REPL1`). */
  readonly url: string;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyFunction = (...args: any[]) => any;

/** Who called `below`, the function in which this is called. Frames of Node and of code without a name are passed over. */
export function callerOf(below: AnyFunction): Caller {
  for (const site of frames(below)) {
    const caller = fromSite(site);
    if (caller !== undefined) return caller;
  }
  return { origin: 'unknown', url: '' };
}

/**
 * The file into which a bundler has put this module, or undefined when it lies where the package has it. A bundle
 * holds no worker file, so threads can't be started from one.
 */
export function bundledInto(): string | undefined {
  const own = frames()[0];
  const name = own?.getFileName() ?? '';
  const url = toUrl(name) ?? name;
  return isOwnFile(url, import.meta.url) ? undefined : url;
}

/** Whether `url` is this module's own file, told by its place in the package and by what the loader says. */
export function isOwnFile(url: string, metaUrl: string | undefined): boolean {
  const file = withoutQuery(url);
  return /\/dstream\/caller-url\.[jt]s$/.test(file) && withoutQuery(metaUrl ?? '') === file;
}

/** A URL without query and fragment: the identity of a file that a watcher imports again and again. */
export function withoutQuery(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/** Path of a file URL for people to read; anything else as it is. */
export function shown(url: string): string {
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(withoutQuery(url));
  } catch {
    return url;
  }
}

/** The stack above `below`; without it the whole one, whose first frame lies in this file. */
function frames(below?: AnyFunction): readonly NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 32;
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(holder, below);
    return Array.isArray(holder.stack) ? (holder.stack as NodeJS.CallSite[]) : [];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    (Error as { prepareStackTrace?: unknown }).prepareStackTrace = prepareStackTrace;
  }
}

function fromSite(site: NodeJS.CallSite): Caller | undefined {
  // A `sourceURL` comment names what the code was made from, the file name what was loaded: the latter comes first.
  for (const name of [site.getFileName(), site.getScriptNameOrSourceURL()]) {
    if (typeof name !== 'string' || name === '' || name.startsWith('node:')) continue;
    const origin = withoutFile(name);
    if (origin !== undefined) return { origin, url: name };
    const url = toUrl(name);
    if (url === undefined) continue;
    return { origin: isTestFile(url) ? 'test' : 'module', url };
  }
  return undefined;
}

/** Code that Node made no file for: `[eval]`, `[stdin]`, `REPL1`, and `file:///…/[eval1]` of an ES module. */
function withoutFile(name: string): Origin | undefined {
  if (/^REPL\d+/.test(name)) return 'repl';
  if (/^\[(eval|stdin)\d*\]/.test(name) || /^file:.*\/\[eval\d+\]$/.test(name)) return 'eval';
  return undefined;
}

/** URL of a file that threads can import, from a URL or an absolute path; undefined for anything else. */
export function toUrl(name: string): string | undefined {
  if (name.startsWith('file:') || name.startsWith('data:')) return name;
  return isAbsolute(name) ? pathToFileURL(name).href : undefined;
}

// ── Test files ──────────────────────────────────────────────────────────────────────────────────

/** `a.test.ts`, `a-spec.mjs`, `test.js`, `test-a.cjs`: what runners take for test files. */
const TEST_NAME = /(^|[/\\.\-_])(test|spec)\.[cm]?[jt]sx?$|[/\\]test-[^/\\]*\.[cm]?[jt]sx?$/;

/**
 * Whether a file is one that a test runner is running. Importing it in a worker thread would run its tests once more,
 * or fail, since the runner isn't there.
 */
function isTestFile(url: string): boolean {
  if (!url.startsWith('file:')) return false;
  const path = shown(url);
  const vitest = (globalThis as { __vitest_worker__?: { filepath?: unknown } }).__vitest_worker__;
  if (vitest?.filepath === path) return true;
  if (!TEST_NAME.test(path) && !/[/\\]test[/\\]/.test(path)) return false;
  // The variable alone says little: programs started by a test inherit it.
  if (process.env['NODE_TEST_CONTEXT'] !== undefined && isMainScript(path)) return true;
  if (!TEST_NAME.test(path)) return false;
  return vitest !== undefined || process.env['JEST_WORKER_ID'] !== undefined || isMainScript(path);
}

function isMainScript(path: string): boolean {
  const script = process.argv[1];
  if (script === undefined) return false;
  if (script === path) return true;
  try {
    return realpathSync(script) === path;
  } catch {
    return false;
  }
}
