/** What an actor system and its actors at the top may be given, and how it is checked. */
import type { SpawnOptions } from '../actors/behaviour.ts';
import { pack } from '../actors/carry.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { Env } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import type { SupervisorEvent } from '../supervision/supervisor.ts';

export interface ActorSystemOptions {
  /** Threads for actors; 0 runs them in the calling thread. @default the cores that the process may use */
  readonly threads?: number;
  /** How long an actor may work on one message without `ctx.heartbeat()`, in ms; its thread is killed then. @default 30000 */
  readonly hangTimeoutMs?: number | 'off';
  /** How long a killed thread may take to end, in ms, before it is left behind. @default 5000 */
  readonly killTimeoutMs?: number;
  /** Limit of a thread's heap, in MiB. @default V8's */
  readonly maxHeapMb?: number;
  /** How many dead letters are kept to be read. @default 1000 */
  readonly deadLetters?: number;
  /** Told of starts, ends and restarts of the actors at the top. */
  readonly onEvent?: (event: SupervisorEvent) => void;
  /** Clock and chance; for tests with `threads: 0`. @default the real ones */
  readonly env?: Env;
}

/** What `system.spawn` takes. */
export interface TopOptions<Args = unknown> extends SpawnOptions<Args> {
  /** Which thread, from 0. @default the one with the fewest actors */
  readonly thread?: number;
  /** Restarts in the window; one more ends it for good. @default 3 */
  readonly maxRestarts?: number;
  /** In ms. @default 30000 */
  readonly withinMs?: number;
}

/** An actor at the top. */
export interface ActorInfo {
  readonly path: string;
  readonly incarnation: number;
  /** Index of its thread; -1 in the calling thread. */
  readonly thread: number;
  readonly state: string;
  readonly restarts: number;
}

export const SYSTEM_OPTIONS: readonly string[] = [
  'threads',
  'hangTimeoutMs',
  'killTimeoutMs',
  'maxHeapMb',
  'deadLetters',
  'onEvent',
  'env',
];
export const SPAWN_OPTIONS: readonly string[] = [
  'name',
  'args',
  'restart',
  'shutdownMs',
  'startTimeoutMs',
  'backoff',
  'mailboxSize',
  'asyncTimeoutMs',
  'thread',
  'maxRestarts',
  'withinMs',
];
/** Refuses a name that is none. */
export function known(options: object, names: readonly string[], of: string): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name))
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `${of} at ${callSiteText()}: there is no option ${name}; the options are ${names.join(', ')}`,
        { context: { option: name } },
      );
  }
}

export function whole(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `${name} at ${callSiteText()} is ${String(value)}: it must be a whole number from ${least} to ${most}`,
    { context: { option: name, value } },
  );
}

/** Refuses what can't cross threads. */
export function cloneable(args: unknown, path: string): void {
  try {
    structuredClone(pack(args).body);
  } catch (cause) {
    throw millraceError(
      'ERR_MILLRACE_BAD_ARGS',
      `the args of ${path} at ${callSiteText()} can't be copied to its thread: ${(cause as Error).message}`,
      { context: { actor: path }, cause },
    );
  }
}
