/**
 * Makes a fresh clone ready: installs when node_modules isn't what the lockfile says, and builds
 * when dist isn't what src says. Every npm script begins here, so `npm start` and `npm test` work
 * on a machine with nothing but Node. Needs no package itself.
 *
 *   node scripts/ensure.mjs             install and build, each if needed
 *   node scripts/ensure.mjs --install   install only, if needed
 *   node scripts/ensure.mjs --build     install if needed, and build in any case
 *
 * Type errors never stop the compiler from writing JavaScript. With --build they are a failure;
 * otherwise they are printed, dist is used, and the next call builds again. `npm run check` is what
 * judges types.
 *
 * I1  One at a time for each clone: a lock file in the temporary directory says whose turn it is.
 * I2  A file in dist is replaced by rename and only if it differs, so that a program which is
 *     running from dist never reads half a file.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const stamps = at('node_modules', '.millrace');
const lockfile = at('package-lock.json');
const flags = new Set(process.argv.slice(2));

class Failure extends Error {}

try {
  const release = lock();
  try {
    install();
    if (!flags.has('--install')) build();
  } finally {
    release();
  }
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
  process.exitCode = 1;
}

function install() {
  const wanted = hash([fs.readFileSync(lockfile)]);
  if (read(join(stamps, 'install')) === wanted) return;
  // Someone who ran `npm install` by hand has the right tree already, only no stamp.
  if (!installed()) {
    const from = Date.now();
    // Under `npm run`, npm says where it is; that spares a search, and npm.cmd on Windows.
    const npm = process.env.npm_execpath;
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    say('npm ci: node_modules is missing or older than the lockfile');
    const done = npm?.endsWith('.js')
      ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
      : spawnSync('npm', args, {
          cwd: root,
          stdio: 'inherit',
          shell: process.platform === 'win32',
        });
    if (done.status !== 0) fail(`npm ci failed${done.error ? `: ${done.error.message}` : ''}`);
    say(`npm ci: done in ${seconds(from)}`);
  }
  write(join(stamps, 'install'), wanted);
}

/** Whether npm's own record of node_modules has each package of the lockfile at its version. */
function installed() {
  const record = read(at('node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const have = JSON.parse(record).packages ?? {};
  const want = JSON.parse(fs.readFileSync(lockfile, 'utf8')).packages;
  return Object.entries(want).every(([path, entry]) => {
    // The record leaves out the packages of other platforms.
    if (path === '' || entry.optional || entry.devOptional) return true;
    return have[path]?.version === entry.version && fs.existsSync(at(path, 'package.json'));
  });
}

function build() {
  const inputs = [
    ...files(at('src')),
    ...['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) => at(name)),
  ];
  const wanted = hash(inputs.flatMap((file) => [relative(root, file), fs.readFileSync(file)]));
  const fresh = read(join(stamps, 'build')) === wanted && fs.existsSync(at('dist'));
  if (fresh && !flags.has('--build')) return;

  const from = Date.now();
  say(
    `tsc: ${fresh ? 'as asked' : fs.existsSync(at('dist')) ? 'src has changed' : 'dist is missing'}`,
  );
  // What a build that was killed has left. The lock is ours, so no other is at work.
  for (const name of fs.readdirSync(root)) {
    if (name.startsWith('.dist-')) fs.rmSync(at(name), { recursive: true, force: true });
  }
  // Beside dist and at its depth, so that source maps find src from where the files end up.
  const next = at(`.dist-${process.pid}`);
  try {
    const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
    const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', next];
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
    if (!fs.existsSync(next)) fail('tsc wrote nothing');
    assets(next);
    const changed = replace(next, at('dist'));
    if (status !== 0 && flags.has('--build')) fail('tsc found type errors');
    say(
      `tsc: ${changed} files written in ${seconds(from)}${status === 0 ? '' : ', WITH TYPE ERRORS'}`,
    );
    if (status === 0) write(join(stamps, 'build'), wanted);
  } finally {
    fs.rmSync(next, { recursive: true, force: true });
  }
}

/** What lies in src and isn't TypeScript (pages, styles, vendored scripts) is copied as it is. */
function assets(next) {
  for (const file of files(at('src'))) {
    const name = relative(at('src'), file);
    if (name.endsWith('.ts') || name.endsWith('.md') || name.split(sep).includes('assembly'))
      continue;
    fs.mkdirSync(dirname(join(next, name)), { recursive: true });
    fs.copyFileSync(file, join(next, name));
  }
}

/** Makes `to` the same as `from`, file by file (I2). */
function replace(from, to) {
  const keep = new Set();
  let changed = 0;
  for (const file of files(from)) {
    const name = relative(from, file);
    const target = join(to, name);
    keep.add(target);
    if (name === join('cli', 'main.js')) fs.chmodSync(file, 0o755);
    if (fs.existsSync(target) && fs.readFileSync(file).equals(fs.readFileSync(target))) continue;
    fs.mkdirSync(dirname(target), { recursive: true });
    fs.renameSync(file, target);
    changed += 1;
  }
  for (const file of files(to)) if (!keep.has(file)) fs.rmSync(file);
  return changed;
}

/** Takes the lock of this clone (I1). A lock whose owner is gone is taken over. */
function lock() {
  const path = join(tmpdir(), `millrace-ensure-${hash([root]).slice(0, 16)}.lock`);
  const deadline = Date.now() + 10 * 60_000;
  for (let told = false; ; told = true) {
    try {
      fs.writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(read(path));
    if (owner > 0 && !alive(owner)) {
      fs.rmSync(path, { force: true });
      continue;
    }
    if (Date.now() > deadline) fail(`${path} is held by process ${owner} for over ten minutes`);
    if (!told) say(`waiting for process ${owner}, which prepares the same clone`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function files(directory) {
  if (!fs.existsSync(directory)) return [];
  return fs
    .readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hash(parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex');
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function write(file, text) {
  fs.mkdirSync(dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

function seconds(from) {
  return `${((Date.now() - from) / 1000).toFixed(1)} s`;
}

// To stderr: the output of the program that follows belongs to the one who asked for it.
function say(text) {
  process.stderr.write(`millrace: ${text}\n`);
}

/** Throws, so that the lock and the temporary directory are let go on the way out. */
function fail(text) {
  throw new Failure(text);
}
