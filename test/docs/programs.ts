/**
 * The ts blocks of the pages as a user's project, outside the repository: compiled once by tsc against the built package,
 * and there to be imported by tests.
 *
 * A block that imports nothing is a fragment: one expression on streams that it doesn't make, as on docs/dstream.md. It
 * becomes a function of the context and the streams. A block that begins with a comment like `// name.ts` has that name
 * in the folder of its page, so that others may import it. What fragments and programs speak of without making it is
 * declared in GLOBALS.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pages, root, type Fence } from './pages.ts';

const GLOBALS = `
import type { DStream, Job, Run, StreamingContext } from 'millrace';
declare global {
  const running: Run;
  const wordcount: Job<{ host: string; port: number }>;
}
export interface Streams {
  readonly numbers: DStream<number>;
  readonly words: DStream<string>;
  readonly lines: DStream<string>;
  readonly pairs: DStream<readonly [string, number]>;
  readonly events: DStream<readonly [time: number, name: string, amount: number]>;
  readonly clicks: DStream<readonly [time: number, name: string, page: number]>;
}
export type Build = (ssc: StreamingContext, streams: Streams) => unknown;
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    rootDir: 'pages',
    // A test runner leaves files in a folder of this name to Node.
    outDir: 'dist',
  },
  include: ['pages'],
};

export interface Program {
  /** `docs/dstream.md:40`. */
  readonly title: string;
  readonly page: string;
  readonly fence: Fence;
  readonly isFragment: boolean;
  /** Of the compiled module. */
  readonly url: string;
}

export interface Programs {
  readonly all: readonly Program[];
  /** What tsc has to say, with the places in the pages. */
  readonly errors: readonly string[];
  remove(): void;
}

/** Whether the block is whole. One with `// …` shows parts of a file, to which another test holds it. */
export function isProgram({ language, text }: Fence): boolean {
  return language === 'ts' && !/^\/\/ …$/m.test(text);
}

export function compilePages(): Programs {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-pages-')));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  };
  write('package.json', '{ "type": "module" }');
  write('tsconfig.json', JSON.stringify(TSCONFIG));
  write('pages/globals.ts', GLOBALS);
  mkdirSync(join(directory, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, join(directory, 'node_modules/millrace'));
  symlinkSync(`${root}node_modules/@types/node`, join(directory, 'node_modules/@types/node'));

  const all: Program[] = [];
  /** Title and number of lines in front, by file. */
  const places = new Map<string, { readonly path: string; readonly offset: number }>();
  for (const { path, fences } of pages()) {
    for (const fence of fences) {
      if (!isProgram(fence)) continue;
      const folder = path.replaceAll(/\W/g, '-');
      const name = /^\/\/ ([\w-]+)\.ts\n/.exec(fence.text)?.[1] ?? `line-${fence.line}`;
      const file = `${folder}/${name}`;
      const isFragment = !/^(import|export|const) /m.test(fence.text);
      const { text, before } = isFragment ? fragment(fence.text) : whole(fence.text);
      write(`pages/${file}.ts`, text);
      places.set(`pages/${file}.ts`, { path, offset: fence.line - 1 - before });
      const url = pathToFileURL(join(directory, 'dist', `${file}.js`)).href;
      all.push({ title: `${path}:${fence.line}`, page: path, fence, isFragment, url });
    }
  }
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [tsc, '-p', '.', '--pretty', 'false'],
    {
      cwd: directory,
      encoding: 'utf8',
    },
  );
  const errors = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line.replace(/^(pages\/[\w/.-]+)\((\d+),\d+\)/, (found, file: string, at: string) => {
        const place = places.get(file);
        return place === undefined ? found : `${place.path}:${Number(at) + place.offset}`;
      }),
    );
  if (status !== 0 && errors.length === 0) errors.push(`tsc ended with ${status}: ${stderr}`);
  return { all, errors, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function fragment(text: string): { text: string; before: number } {
  const code = text
    .replace(/^\/\/.*\n?/gm, '')
    .trimEnd()
    .replace(/;$/, '');
  const head = [
    `import { count, onCount, session, sliding, type State, sum, tumbling } from 'millrace';`,
    `import type { Build } from '../globals.ts';`,
    `const build: Build = (ssc, { numbers, words, lines, pairs, events, clicks }) => (`,
  ];
  const tail = `);\nexport default build;\nexport const used: unknown = [count, onCount, session, sliding, sum, tumbling];\n`;
  return { text: `${head.join('\n')}\n${code}\n${tail}`, before: head.length };
}

/** What a page makes for its other blocks is there for tests too. */
function whole(text: string): { text: string; before: number } {
  const made = /^(import|export) /m.test(text)
    ? []
    : [...text.matchAll(/^const (\w+)/gm)].map(([, name]) => name);
  return { text: `${text}export { ${made.join(', ')} };\n`, before: 0 };
}
