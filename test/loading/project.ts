/**
 * A program of a user, in a directory of its own outside the repository, and Nodes to run it with.
 *
 * Children get no trace of the test runner in their environment, so they behave as at the user's.
 */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../fixtures/jobs/', import.meta.url));

export interface Node {
  readonly path: string;
  readonly version: string;
  /** Whether it reads TypeScript by itself. */
  readonly strips: boolean;
}

/** This Node, and the one that MILLRACE_NODE names. */
export async function nodes(): Promise<readonly Node[]> {
  const paths = [process.execPath, process.env['MILLRACE_NODE'] ?? ''].filter(
    (path) => path !== '',
  );
  return Promise.all(
    [...new Set(paths)].map(async (path) => {
      const { stdout } = await execute(path, [
        '-p',
        'process.versions.node + " " + process.features.typescript',
      ]);
      const [version = '', typescript] = stdout.trim().split(' ');
      return { path, version, strips: typescript === 'strip' };
    }),
  );
}

export interface Done {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Project {
  readonly directory: string;
  /** The built files of the millrace that the project finds. */
  readonly dist: string;
  /** Absolute path of a file in it. */
  at(file: string): string;
  read(file: string): string;
  run(node: Node, args: readonly string[], input?: string): Promise<Done>;
}

export interface ProjectOptions {
  /** Files of test/fixtures/jobs to copy in. */
  readonly fixtures?: readonly string[];
  /** Other files, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Fields of package.json. @default { type: 'module' } */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Packages of the repository's to be found from the project, besides millrace. */
  readonly packages?: readonly string[];
  /** As if installed by npm: what millrace may find is only what it depends on. @default false: a link */
  readonly installed?: boolean;
}

const made: string[] = [];

/** Removes what `project` made. */
export function removeProjects(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export function project(options: ProjectOptions): Project {
  // Real paths, since that is what Node makes of them.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-project-')));
  made.push(directory);
  const at = (file: string): string => join(directory, file);
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(at(file)), { recursive: true });
    writeFileSync(at(file), text);
  };
  write('package.json', JSON.stringify(options.manifest ?? { type: 'module' }));
  for (const fixture of options.fixtures ?? []) cpSync(join(FIXTURES, fixture), at(fixture));
  for (const [file, text] of Object.entries(options.files ?? {})) write(file, text);
  mkdirSync(at('node_modules'), { recursive: true });
  const link = (name: string): void => {
    mkdirSync(dirname(at(join('node_modules', name))), { recursive: true });
    symlinkSync(join(REPOSITORY, 'node_modules', name), at(join('node_modules', name)));
  };
  if (options.installed ?? false) {
    for (const part of ['package.json', 'dist']) {
      cpSync(join(REPOSITORY, part), at(join('node_modules/millrace', part)), { recursive: true });
    }
    const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
      dependencies: object;
    };
    for (const name of Object.keys(manifest.dependencies)) link(name);
  } else {
    symlinkSync(REPOSITORY, at('node_modules/millrace'));
  }
  for (const name of options.packages ?? []) link(name);
  return {
    directory,
    dist: realpathSync(at('node_modules/millrace/dist')),
    at,
    read: (file) => readFileSync(at(file), 'utf8'),
    run: (node, args, input) => execute(node.path, args, directory, input),
  };
}

/** What a test runner, or tsx around it, leaves in the environment. */
const NOT_INHERITED = /^(VITEST|NODE_TEST_CONTEXT|NODE_OPTIONS|JEST|TEST$|NODE_ENV$|TSX_)/;

function execute(
  path: string,
  args: readonly string[],
  cwd?: string,
  input?: string,
): Promise<Done> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name)),
  );
  return new Promise((resolve) => {
    const child = execFile(
      path,
      args,
      { cwd, env: { ...env, NO_COLOR: '1' }, timeout: 40_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.end(input ?? '');
  });
}

/** Where the repository's own files lie, for commands and imports. */
export function inRepository(path: string): string {
  return join(REPOSITORY, path);
}
