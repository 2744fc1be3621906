/**
 * Makes a thread able to import TypeScript.
 *
 * Node 22.18 and newer strip types by themselves. Before that tsx does it, but a program started by tsx has it in its
 * main thread only: Node 20 doesn't take module hooks along into worker threads. So each worker registers tsx itself,
 * found from where the job lies.
 *
 * Called in a worker before it imports a job's file, and in the main thread by those who import one by path.
 *
 * I1  tsx is registered at most once a thread, and never where it is at work already.
 * I2  Without need nothing is looked for and nothing loaded: a compiled job costs one regular expression.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { millraceError } from '../errors.ts';
import { shown, withoutQuery } from './caller-url.ts';

/** Whether the name of a file says that it holds TypeScript. */
export function isTypeScript(url: string): boolean {
  return /\.[cm]?tsx?$/.test(withoutQuery(url));
}

/**
 * Who reads TypeScript in this thread: Node or hooks of the program (`ready`), tsx that we registered, or nobody that
 * we know of.
 */
export type TypeScriptReader = 'ready' | 'tsx' | 'none';

let registering: Promise<boolean> | undefined;

/**
 * Call before the import of a job's file. After `none` the import is still worth a try, since the program may have
 * brought hooks of its own; `tsLoaderMissing` is the error for when that fails.
 */
export async function ensureTypeScript(url: string): Promise<TypeScriptReader> {
  if (!mustRegister(url)) return 'ready';
  registering ??= registerTsx(url);
  if (await registering) return 'tsx';
  // Another job of this thread may lie where tsx is to be found.
  registering = undefined;
  return 'none';
}

function mustRegister(url: string): boolean {
  const strips = Boolean((process.features as { typescript?: unknown }).typescript);
  const jsx = withoutQuery(url).endsWith('.tsx');
  // A JavaScript job of a program under tsx may import TypeScript.
  if (!isTypeScript(url) && !underTsx()) return false;
  if (strips && !(jsx && !underTsx())) return false;
  return !(isMainThread && underTsx());
}

/** Whether the program was started by tsx, or with it by `--import` or `NODE_OPTIONS`. Workers inherit both. */
function underTsx(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((each) => TSX.test(each));
}

const TSX = /(^|[\s=/\\])tsx($|[\s/\\])/;

async function registerTsx(url: string): Promise<boolean> {
  for (const from of places(url)) {
    const entry = tsxEntry(from);
    if (entry === undefined) continue;
    const api = (await import(entry)) as { register(): unknown };
    api.register();
    return true;
  }
  return false;
}

/** Where tsx is looked for: at the job's, at the program's that was started by it, at our own. */
function* places(url: string): Generator<string> {
  if (url.startsWith('file:')) yield url;
  for (const argument of process.execArgv) {
    if (!TSX.test(argument)) continue;
    const value = argument.replace(/^--(import|require|loader)=/, '');
    if (value.startsWith('file:') || value.startsWith('/')) yield value;
  }
  // Empty in a bundle.
  if (typeof import.meta.url === 'string') yield import.meta.url;
}

/**
 * URL of tsx's programming interface. Its `import` form is read out of tsx's package.json by hand: `require.resolve`
 * would give the `require` form, which doesn't hook `import`.
 */
function tsxEntry(from: string): string | undefined {
  try {
    const require = createRequire(from);
    const manifest = require.resolve('tsx/package.json');
    const { exports } = require(manifest) as { exports?: Record<string, unknown> };
    const entry = target(exports?.['./esm/api']);
    return entry === undefined ? undefined : pathToFileURL(join(dirname(manifest), entry)).href;
  } catch {
    return undefined;
  }
}

/** The file that a conditional export leads to for `import`. */
function target(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const conditions = entry as { import?: unknown; default?: unknown };
  return target(conditions.import ?? conditions.default);
}

/** For a job that no loader at hand can read. `why` is the error of the import. */
export function tsLoaderMissing(url: string, why?: unknown): Error {
  return millraceError(
    'ERR_MILLRACE_TS_LOADER',
    `${shown(url)} is TypeScript or imports it, and Node ${process.versions.node} can't read that in this thread. ` +
      'One of three helps: install tsx where the job is (npm install tsx), use Node 22.18 or newer, or compile the ' +
      'job and run the .js',
    {
      context: { file: shown(url), node: process.versions.node },
      ...(why === undefined ? {} : { cause: why }),
    },
  );
}

/** For syntax that type stripping refuses, such as `enum`. */
export function tsSyntaxRefused(url: string, why: Error): Error {
  return millraceError(
    'ERR_MILLRACE_TS_LOADER',
    `${shown(url)} can't be loaded by Node's type stripping: ${firstLine(why.message)}. One of three helps: write it ` +
      'without enums, namespaces and parameter properties (erasableSyntaxOnly), start the program with ' +
      'node --import tsx, or compile the job and run the .js',
    { context: { file: shown(url), node: process.versions.node }, cause: why },
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** Path of a file that a `file:` URL names. */
export function pathOf(url: string): string {
  return fileURLToPath(withoutQuery(url));
}
