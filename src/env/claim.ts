/**
 * A directory for one process at a time, by a socket in it: the kernel lets go of it with the process, whatever that dies
 * of, and keeps it for one that is only stopped. It works between containers that share the directory and a kernel.
 *
 *   claim-1  claim-2  … claim-n      socket files; the one with the greatest number says who has the directory
 *
 * Somebody listens behind it: taken. Nobody does: its owner is dead, for good, since no name is used twice. Then whoever
 * makes claim-n+1 first has it.
 *
 * I1  A file gets its name when its socket listens already (`link`, which fails where the name is taken), so that a socket
 *     behind which nobody listens has no owner.
 * I2  The file with the greatest number is never removed, not even when its owner lets go. So a claim with a smaller number
 *     than another was made by somebody who looked too long ago, and doesn't count.
 */
import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Claim {
  /** At once. */
  release(): void;
}

/** What a path of a socket may have on every system, in bytes. */
const LONGEST_PATH = 100;
const NAME = /^claim-(\d+)$/;
const MAKING = 'claiming-';
/** File systems that have no sockets, or no second names for them, say one of these. */
const NO_SOCKETS: ReadonlySet<unknown> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EINVAL',
  'ENOSYS',
  'EXDEV',
]);

/**
 * Takes a directory, which must be there; undefined when somebody has it. Where its file system has no sockets it is taken
 * for the processes of this machine that have the same directory for temporary files.
 */
export async function claimDirectory(directory: string): Promise<Claim | undefined> {
  try {
    return await claimIn(directory);
  } catch (error) {
    if (!NO_SOCKETS.has((error as NodeJS.ErrnoException).code)) throw error;
    const name = createHash('sha256').update(fs.realpathSync(directory)).digest('hex').slice(0, 16);
    const beside = join(tmpdir(), `millrace-claims-${name}`);
    fs.mkdirSync(beside, { recursive: true });
    return claimIn(beside);
  }
}

async function claimIn(directory: string): Promise<Claim | undefined> {
  const way = shortWay(directory);
  let own: Listening | undefined;
  try {
    for (;;) {
      const newest = newestClaim(directory);
      if (newest > 0) {
        const answer = await isAnswered(way.to(`claim-${newest}`));
        if (answer === 'yes') return undefined;
        // Its successor has removed it.
        if (answer === 'gone') continue;
      }
      own ??= await listen(way, directory);
      const name = join(directory, `claim-${newest + 1}`);
      const linked = tryLink(own.file, name);
      if (linked === 'taken') continue;
      if (linked === 'gone') {
        own.server.close();
        own = undefined;
        continue;
      }
      if (newestClaim(directory) > newest + 1) {
        fs.rmSync(name, { force: true });
        continue;
      }
      tidy(directory, newest);
      const { server } = own;
      own = undefined;
      return { release: () => void server.close() };
    }
  } finally {
    own?.server.close();
    way.remove();
  }
}

/** `gone`: whoever has the directory by now has tidied it up. */
function tryLink(from: string, to: string): 'done' | 'taken' | 'gone' {
  try {
    fs.linkSync(from, to);
    return 'done';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return 'taken';
    if (code === 'ENOENT') return 'gone';
    throw error;
  }
}

/** What earlier claims left, and what those that died on the way did. */
function tidy(directory: string, last: number): void {
  for (const file of fs.readdirSync(directory)) {
    const number = NAME.exec(file)?.[1];
    if (number === undefined ? file.startsWith(MAKING) : Number(number) <= last)
      fs.rmSync(join(directory, file), { force: true });
  }
}

function newestClaim(directory: string): number {
  return Math.max(0, ...fs.readdirSync(directory).map((file) => Number(NAME.exec(file)?.[1] ?? 0)));
}

interface Listening {
  readonly server: Server;
  readonly file: string;
}

async function listen(way: ShortWay, directory: string): Promise<Listening> {
  const name = `${MAKING}${randomUUID().slice(0, 8)}`;
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(way.to(name), resolve);
  });
  server.on('error', () => {});
  server.unref();
  return { server, file: join(directory, name) };
}

/** Whether somebody listens there. `gone`: there is no such file. */
function isAnswered(path: string): Promise<'yes' | 'no' | 'gone'> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('yes');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('no');
      else if (error.code === 'ENOENT') resolve('gone');
      // Its queue is full: it is there, and takes nobody.
      else if (error.code === 'EAGAIN') resolve('yes');
      else reject(error);
    });
  });
}

interface ShortWay {
  readonly to: (name: string) => string;
  readonly remove: () => void;
}

/** Paths of sockets are short. A long one is met by a link in the directory for temporary files. */
function shortWay(directory: string): ShortWay {
  if (Buffer.byteLength(directory) + 20 <= LONGEST_PATH)
    return { to: (name) => join(directory, name), remove: () => {} };
  const made = fs.mkdtempSync(join(tmpdir(), 'mr-'));
  const link = join(made, 'd');
  fs.symlinkSync(fs.realpathSync(directory), link);
  return {
    to: (name) => join(link, name),
    remove: () => fs.rmSync(made, { recursive: true, force: true }),
  };
}
