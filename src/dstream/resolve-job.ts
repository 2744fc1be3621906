/**
 * In the main thread: from what the user gave to `run` (a job, a path, a URL) to a job, and whether other threads can
 * load it.
 *
 * I1  A job object is taken as it is. A file is imported, and its default export wins, then its only job.
 * I2  With `takeOver` the file's own `run()` calls are parked, now and later, so that a script without a guard is run
 *     by the command and not by itself. That holds for the whole thread, so only the command does it.
 */
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { millraceError } from '../errors.ts';
import { shown as shownValue } from './arguments.ts';
import { bundledInto, shown } from './caller-url.ts';
import { importJobFile, type Namespace } from './import-job-file.ts';
import { isJob, type Job, jobTitle } from './job.ts';
import { definedTwice, findJob, jobsOf, listen, parkRuns } from './registry.ts';

export interface ResolveOptions {
  /** Which job, when the file has several. */
  readonly name?: string;
  /** Whether the caller runs the job in place of the file (I2). @default false */
  readonly takeOver?: boolean;
}

export interface ResolvedJob {
  readonly job: Job<never>;
  /** What the file itself gave to the `run()` that was taken over. */
  readonly runOptions?: unknown;
}

/**
 * @param target a job, a path (from the working directory) or a URL
 * @throws ERR_MILLRACE_NO_JOB, ERR_MILLRACE_JOB_NOT_FOUND, and what `importJobFile` throws
 */
export async function resolveJob(
  target: unknown,
  options: ResolveOptions = {},
): Promise<ResolvedJob> {
  if (isJob(target)) return { job: target };
  const url = urlOf(target);
  if (url === undefined) {
    throw millraceError(
      'ERR_MILLRACE_NO_JOB',
      `there is no job in what was given to run: ${shownValue(target)}. Pass what job() returned, or the path or URL ` +
        'of a file that calls it',
    );
  }
  const { namespace, run } = await importWhole(url, options.takeOver ?? false);
  if (run === undefined || options.name !== undefined)
    return { job: choose(url, namespace, options.name) };
  return { job: (await resolveJob(run.target)).job, runOptions: run.options };
}

/**
 * Refuses a job that no other thread could load. Call before threads are started; with `threads: 0` any job will do.
 * @throws ERR_MILLRACE_BUNDLED, ERR_MILLRACE_JOB_NOT_LOADABLE
 */
export function assertLoadable(job: Job<never>): void {
  const bundle = bundledInto();
  if (bundle !== undefined) {
    throw millraceError(
      'ERR_MILLRACE_BUNDLED',
      `${jobTitle(job)} can't be run on threads: millrace was bundled into ${shown(bundle)}, away from its worker ` +
        'file. Mark millrace as external: esbuild --packages=external, webpack externals, rollup external, ' +
        'Next.js serverExternalPackages; or use threads: 0',
      { context: { job: job.name, file: shown(bundle) } },
    );
  }
  const why = whyNotLoadable(job);
  if (why === undefined) return;
  throw millraceError(
    'ERR_MILLRACE_JOB_NOT_LOADABLE',
    `${jobTitle(job)} can't be loaded by other threads: ${why}. Define it at the top level of a module of its own; ` +
      'or use threads: 0',
    { context: { job: job.name, callSite: job.callSite, origin: job.origin } },
  );
}

function whyNotLoadable(job: Job<never>): string | undefined {
  switch (job.origin) {
    case 'eval':
      return 'it was defined by node -e or from standard input, which have no file';
    case 'repl':
      return "it was defined at Node's prompt, which has no file";
    case 'test':
      return 'it was defined in a test file, which only its test runner can load';
    case 'unknown':
      return 'the file that defined it is not known';
    case 'module': {
      const other = definedTwice(job);
      return other === undefined
        ? undefined
        : `its file defines another job of the same name at ${other}`;
    }
  }
}

function urlOf(target: unknown): string | undefined {
  if (target instanceof URL) return target.href;
  if (typeof target !== 'string' || target === '') return undefined;
  // `C:\jobs\a.js` is a path, though it looks like a URL.
  if (isAbsolute(target) || !/^[a-z][a-z0-9+.-]+:/i.test(target))
    return pathToFileURL(resolve(target)).href;
  return target;
}

interface Imported {
  readonly namespace: Namespace;
  /** The call of `run()` that was taken over, at which the import was left. */
  readonly run?: { readonly target: unknown; readonly options: unknown };
}

/** Imports a file to its end, or to where it calls `run()` when that is taken over. */
async function importWhole(url: string, takeOver: boolean): Promise<Imported> {
  if (!takeOver) return { namespace: await importJobFile(url) };
  parkRuns();
  let stopListening = (): void => {};
  try {
    const parked = new Promise<Imported>((done) => {
      stopListening = listen((event) => {
        if (event.type === 'parked') done({ namespace: {}, run: event });
      });
    });
    const whole = importJobFile(url).then((namespace) => ({ namespace }));
    // It may fail later, when nobody waits for it any more.
    whole.catch(() => {});
    return await Promise.race([parked, whole]);
  } finally {
    stopListening();
  }
}

function choose(url: string, namespace: Namespace, name: string | undefined): Job<never> {
  const standard = defaultExport(namespace);
  const candidates = [
    ...new Set([standard, ...Object.values(namespace), ...jobsOf(url)].filter(isJob)),
  ];
  if (name !== undefined) {
    const named = candidates.find((each) => each.name === name) ?? findJob(name, url);
    if (named !== undefined) return named;
    throw millraceError(
      'ERR_MILLRACE_JOB_NOT_FOUND',
      `${shown(url)} has no job ${JSON.stringify(name)}. ${candidates.length === 0 ? 'It has none' : `It has ${names(candidates)}`}`,
      { context: { job: name, file: shown(url) } },
    );
  }
  if (isJob(standard)) return standard;
  const [only, second] = candidates;
  if (only !== undefined && second === undefined) return only;
  const exported = Object.keys(namespace);
  throw millraceError(
    'ERR_MILLRACE_NO_JOB',
    only === undefined
      ? `${shown(url)} defines no job: it exports ${exported.length === 0 ? 'nothing' : exported.join(', ')}. Call ` +
          'job(name, build) at its top level'
      : `${shown(url)} has several jobs: ${names(candidates)}. Choose one by its name, or export it as default`,
    { context: { file: shown(url) } },
  );
}

/** Of a CommonJS module compiled from an ES module, the default is one level further down. */
function defaultExport(namespace: Namespace): unknown {
  const first = namespace['default'];
  if (isJob(first) || typeof first !== 'object' || first === null) return first;
  return (first as Namespace)['default'];
}

function names(jobs: readonly Job<never>[]): string {
  return jobs.map((each) => JSON.stringify(each.name)).join(', ');
}
