/**
 * Imports the file of a job, and says in our own terms what was wrong when that fails.
 *
 * Called in worker threads and, by those who run a job by its path, in the main thread.
 *
 * I1  What comes out is the module's namespace or a MillraceError that names the file, with the first error as cause.
 * I2  A MillraceError thrown by the file itself (a `job()` with a bad option) passes as it is: it knows better.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MillraceError, millraceError } from '../errors.ts';
import { shown } from './caller-url.ts';
import {
  ensureTypeScript,
  isTypeScript,
  pathOf,
  tsLoaderMissing,
  tsSyntaxRefused,
  type TypeScriptReader,
} from './ts-loader.ts';

export type Namespace = Readonly<Record<string, unknown>>;

/**
 * @param what the file is called that in messages
 * @throws ERR_MILLRACE_JOB_FILE_MISSING, ERR_MILLRACE_JOB_FILE_THREW, ERR_MILLRACE_TS_LOADER
 */
export async function importJobFile(url: string, what = 'job file'): Promise<Namespace> {
  mustExist(url, what);
  const reader = await ensureTypeScript(url);
  try {
    return (await import(/* @vite-ignore */ url)) as Namespace;
  } catch (error) {
    throw explained(url, error, reader, what);
  }
}

function mustExist(url: string, what: string): void {
  if (!url.startsWith('file:')) {
    if (url.startsWith('data:')) return;
    throw missing(url, what, 'a job is loaded from a file, by its path or file: URL');
  }
  let path: string;
  try {
    path = pathOf(url);
  } catch (cause) {
    throw missing(url, what, 'it is no URL of a file on this machine', cause);
  }
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw missing(
      url,
      what,
      code === 'ENOENT' ? 'there is no such file' : `it can't be read (${code})`,
      cause,
    );
  }
  if (!isFile) throw missing(url, what, 'it is a directory: name a file in it');
}

function missing(url: string, what: string, why: string, cause?: unknown): Error {
  return millraceError('ERR_MILLRACE_JOB_FILE_MISSING', `${what} ${shown(url)}: ${why}`, {
    context: { file: shown(url) },
    ...(cause === undefined ? {} : { cause }),
  });
}

function explained(url: string, thrown: unknown, reader: TypeScriptReader, what: string): Error {
  if (thrown instanceof MillraceError) return thrown;
  const error = thrown instanceof Error ? thrown : undefined;
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      if (/\.[cm]?tsx?\b/.test(error?.message ?? '')) return tsLoaderMissing(url, error);
      break;
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return tsSyntaxRefused(url, error as Error);
    default:
      // A CommonJS file in TypeScript is read as JavaScript where nothing strips it.
      if (reader === 'none' && isTypeScript(url) && error instanceof SyntaxError)
        return tsLoaderMissing(url, error);
  }
  const where = error === undefined ? undefined : lineInJob(url, error);
  const hint = error === undefined ? undefined : hintFor(url, error);
  return millraceError(
    'ERR_MILLRACE_JOB_FILE_THREW',
    `${what} ${shown(url)} failed while it was loaded: ${asText(thrown)}` +
      (where === undefined ? '' : `, at ${where}`) +
      (hint === undefined ? '' : `. ${hint}`),
    {
      context: { file: shown(url), ...(where === undefined ? {} : { line: where }) },
      cause: thrown,
    },
  );
}

function asText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `it threw ${String(thrown)}`;
  // "Transform failed with 1 error:" and then the error.
  const [first = '', second = ''] = thrown.message.split('\n');
  return `${thrown.name}: ${first.endsWith(':') ? `${first} ${second.trim()}` : first}`;
}

/** The first line of the stack that lies in the job's file: `/app/job.ts:3:16`. */
function lineInJob(url: string, error: Error): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  const path = pathOf(url);
  for (const line of error.stack?.split('\n') ?? []) {
    const match = /(file:\/\/\S+?|[^\s(]\S*?)((?::\d+){1,2})\)?$/.exec(line);
    if (match !== null && shown(match[1] ?? '') === path) return path + match[2];
  }
  return undefined;
}

/** What usually helps, where the error itself doesn't say. */
function hintFor(url: string, error: Error): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (/Vitest failed|vitest/i.test(error.message)) {
    return 'Only its test runner can load a test file: put the job in a module of its own, or use threads: 0';
  }
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    return "Node strips no types below node_modules: publish the package's compiled .js";
  }
  if (
    code !== 'ERR_MODULE_NOT_FOUND' &&
    code !== 'ERR_INVALID_MODULE_SPECIFIER' &&
    code !== 'MODULE_NOT_FOUND'
  ) {
    return undefined;
  }
  const wanted = /Cannot find (?:module|package) '([^']+)'|^Invalid module "([^"]+)"/.exec(
    error.message,
  );
  const name = wanted?.[1] ?? wanted?.[2];
  if (name === undefined) return undefined;
  const file = name.startsWith('file:')
    ? pathOf(name)
    : resolve(dirname(url.startsWith('file:') ? pathOf(url) : '.'), name);
  const typed = file.replace(/\.([cm]?)js$/, '.$1ts');
  if (typed !== file && existsSync(typed)) {
    return "The file is there as TypeScript: write its real name in the import (.ts, with tsc's rewriteRelativeImportExtensions)";
  }
  if (name.startsWith('.') || name.startsWith('/') || name.startsWith('file:')) return undefined;
  return (
    'If that is a package, install it. If it is an alias of a bundler or test runner, threads know nothing of it: use ' +
    '"imports" in package.json instead'
  );
}
