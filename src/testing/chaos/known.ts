/**
 * The words that a chaos script may use, looked at when it is read: a script in TypeScript is run without being checked,
 * and a fault on an event that doesn't exist would never come. Pure.
 */
import { millraceError } from '../../errors.ts';
import type { FaultWay } from '../../run/engine.ts';
import type { RunEvent } from '../../run/running.ts';
import type { Victim } from './script.ts';

/** Files in which an error of the script may begin, and which are not the script. */
const OURS = /[/\\](?:testing[/\\]chaos[/\\][\w-]+|dstream[/\\]duration|errors)\.[jt]s$/;

/** Each word once; the compiler sees to it that none is missing. */
type Words<T extends string> = Readonly<Record<T, true>>;

export const EVENTS: Words<RunEvent['type']> = {
  actorExited: true,
  actorStarted: true,
  batchCompleted: true,
  batchFailed: true,
  batchStarted: true,
  batchSubmitted: true,
  batchesSkipped: true,
  restarted: true,
  checkpointCompleted: true,
  counted: true,
  deadLetter: true,
  degraded: true,
  drained: true,
  failed: true,
  givingUp: true,
  hint: true,
  outputCompleted: true,
  outputStarted: true,
  possibleGap: true,
  receiverError: true,
  receiverStarted: true,
  receiverStopped: true,
  recovered: true,
  recovering: true,
  sourceState: true,
  started: true,
  streamingStarted: true,
  workerWanted: true,
};

export const VICTIMS: Words<Victim> = {
  worker: true,
  spare: true,
  sources: true,
  coordinator: true,
};

export const WAYS: Words<FaultWay> = {
  terminate: true,
  throw: true,
  exit: true,
  oom: true,
  spin: true,
  reject: true,
  task: true,
  corrupt: true,
};

export const POISONS: Words<'throw' | 'exit' | 'oom' | 'hang'> = {
  throw: true,
  exit: true,
  oom: true,
  hang: true,
};

export const SIGNALS: Words<'SIGTERM' | 'SIGINT'> = { SIGTERM: true, SIGINT: true };

/** @throws TypeError which names what there is; `scenarioOf` makes ERR_MILLRACE_BAD_SCRIPT of it */
export function known<T extends string>(where: string, word: T, words: Words<T>): T {
  if (Object.hasOwn(words, word)) return word;
  const all = Object.keys(words);
  const near = all.find((each) => isNear(each.toLowerCase(), String(word).toLowerCase()));
  throw new TypeError(
    `${where}: '${String(word)}' is none of ${all.join(', ')}${near === undefined ? '' : `. Did you mean '${near}'?`}`,
  );
}

/** @throws TypeError */
export function whole(where: string, n: number): number {
  if (Number.isInteger(n) && n >= 1) return n;
  throw new TypeError(`${where}: ${String(n)} is no whole number from 1`);
}

/** What the script's function came to: its own error, with the place in the script. */
export function badScript(what: string, cause?: unknown): Error {
  const where = cause instanceof Error ? lineInScript(cause) : undefined;
  return millraceError(
    'ERR_MILLRACE_BAD_SCRIPT',
    `the chaos script: ${what}${where === undefined ? '' : `, at ${where}`}`,
    cause === undefined ? {} : { cause },
  );
}

/** The first line of the stack that isn't ours: `/app/kills.ts:3:16`. */
function lineInScript(error: Error): string | undefined {
  for (const line of error.stack?.split('\n').slice(1) ?? []) {
    const match = /(?:file:\/\/)?(\/[^\s()]+|[A-Za-z]:\\[^\s()]+):(\d+):\d+\)?$/.exec(line);
    if (match === null || OURS.test(match[1]!)) continue;
    return `${match[1]!}:${match[2]!}`;
  }
  return undefined;
}

/** At most two letters are missing, too many or others; or one begins with the other. */
function isNear(a: string, b: string): boolean {
  if (b.length > 2 && (a.startsWith(b) || b.startsWith(a))) return true;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change));
    }
    row = next;
  }
  return row[b.length]! <= 2;
}
