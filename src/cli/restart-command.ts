/**
 * `millrace run <job> --restart`: a parent that runs the same command as its child, and starts it again when that dies.
 *
 *   starting ──▶ running ──▶ it drained, or was called wrongly        its exit code
 *      ▲            ├──▶ it died: a signal, a crash, 70, 71 ──▶ waiting, at most `maxRestarts` times in `withinMs`
 *      └────────────┼──────────────────────────────────────────────┘        then its exit code
 *                   └──▶ we were told to stop: so is the child, and it is not started again
 *
 * I1  A child is started only when the one before it has ended, so its directory is free.
 * I2  A signal reaches the child once: it has a process group of its own, which a terminal does not signal.
 * I3  When this process dies, whatever of, the child's channel to it closes, and the child drains (`parent.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Backoff } from '../supervision/backoff.ts';
import { RestartIntensity } from '../supervision/intensity.ts';
import { msText } from './event-log.ts';
import { EXIT } from './exit-codes.ts';
import { type FromChild, UNDER_PARENT } from './parent.ts';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));
/** Passed on. Behind one of them nothing is started again. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** Codes at which a child isn't started again: it is done, it was told to stop, it would fail each time. */
const FINAL: ReadonlySet<unknown> = new Set([EXIT.drained, EXIT.usage, EXIT.undrained]);

export interface RestartFlags {
  /** The command line of the child, behind the program. */
  readonly args: readonly string[];
  /** Deaths in any `withinMs` that it is started again after. */
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/** How a child ended. */
interface End {
  readonly code: number;
  /** `SIGKILL`, `exit code 70`. */
  readonly what: string;
}

/** Gives the exit code of the last child; of one that a signal ended, what a shell says of it. */
export async function restartCommand(
  { args, maxRestarts, withinMs }: RestartFlags,
  note: (text: string) => void,
): Promise<number> {
  const backoff = new Backoff({}, Math.random);
  const intensity = new RestartIntensity({ maxRestarts, withinMs }, {});
  let child: ChildProcess | undefined;
  let stopped: (() => void) | undefined;
  let isStopping = false;
  const pass = (signal: NodeJS.Signals): void => {
    isStopping = true;
    child?.kill(signal);
    stopped?.();
  };
  for (const signal of SIGNALS) process.on(signal, pass);
  try {
    for (;;) {
      child = start(args);
      const end = await ended(child, () => backoff.reset());
      child = undefined;
      if (isStopping || FINAL.has(end.code)) return end.code;
      if (intensity.record(performance.now()) === 'exceeded') {
        note(
          `the process of the job died of ${end.what}, more than ${maxRestarts} times within ${msText(withinMs)}: it is not started again`,
        );
        return end.code;
      }
      const delayMs = backoff.next();
      note(
        `the process of the job died of ${end.what}: it is started again in ${msText(delayMs)} (restart ${intensity.count} of ${maxRestarts} within ${msText(withinMs)})`,
      );
      await new Promise<void>((resolve) => {
        stopped = resolve;
        setTimeout(resolve, delayMs);
      });
      if (isStopping) return end.code;
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, pass);
  }
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, MAIN, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
    env: { ...process.env, [UNDER_PARENT]: '1' },
  });
}

function ended(child: ChildProcess, onProgress: () => void): Promise<End> {
  return new Promise((resolve) => {
    /** A process that can't end in another way kills itself, and says its code before. */
    let said: number | undefined;
    child.on('message', (message: FromChild) => {
      if (message.type === 'progress') onProgress();
      else said = message.code;
    });
    child.once('error', (error) => resolve({ code: EXIT.failed, what: error.message }));
    child.once('exit', (code, signal) => {
      if (said !== undefined || code !== null) {
        const known = said ?? code ?? EXIT.failed;
        resolve({ code: known, what: `exit code ${known}` });
      } else resolve({ code: 128 + constants.signals[signal!], what: signal! });
    });
  });
}
