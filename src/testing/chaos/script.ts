/**
 * What a chaos script says: faults on occasions, then claims. A script is code of the parent's process; it runs once, and
 * what it says is noted here; names and numbers are looked at then. `run-chaos.ts` does what it says.
 */
import { type Duration, durationMs } from '../../dstream/duration.ts';
import type { FaultWay, ThreadRole } from '../../run/engine.ts';
import type { RunOptions } from '../../run/options.ts';
import type { RunEvent } from '../../run/running.ts';
import type { PointFault } from './fault-point.ts';
import { badScript, EVENTS, known, POISONS, SIGNALS, VICTIMS, WAYS, whole } from './known.ts';
import { NumberedServer, type NumberedOptions } from './numbered-server.ts';
import { type Claim, type Claims, claimsInto } from './script-claims.ts';

/** Whom a fault hits: a thread of that role that is up, any of them by the seed. */
export type Victim = ThreadRole | 'spare';

/** Done to the process of the job, or to what it talks to. */
export type Fault =
  | {
      readonly kind: 'thread';
      readonly victim: Victim;
      readonly way: FaultWay;
      readonly exitCode?: number;
    }
  | {
      readonly kind: 'point';
      readonly point: string;
      readonly fault: PointFault;
      readonly times?: number;
      readonly record?: string;
      readonly parameter?: number;
    }
  | { readonly kind: 'block'; readonly ms: number }
  | { readonly kind: 'freeze'; readonly ms: number }
  | { readonly kind: 'kill9' }
  | { readonly kind: 'processKill'; readonly ms: number }
  | { readonly kind: 'disk'; readonly how: 'full' | 'broken'; readonly ms: number }
  | { readonly kind: 'signal'; readonly signal: 'SIGTERM' | 'SIGINT' }
  | {
      readonly kind: 'disconnect';
      readonly server: NumberedServer | undefined;
      readonly ms: number;
    };

/** What may be done on an occasion. Each returns the same, so several faults may come together. */
export interface Faulting {
  /** Ends a thread. @default a worker, `terminate` */
  kill(victim?: Victim, way?: FaultWay): Faulting;
  /** A thread loops for ever. */
  hang(victim?: Victim): Faulting;
  /** A thread's heap runs out. */
  oom(victim?: Victim): Faulting;
  /** A thread calls `process.exit`. */
  exit(code: number, victim?: Victim): Faulting;
  /** A promise on a thread is rejected and nobody cares. */
  reject(victim?: Victim): Faulting;
  /** A task of a worker throws; its thread lives on. */
  throwInTask(): Faulting;
  /** A damaged frame lies in a ring between two workers. */
  corrupt(): Faulting;
  /** In user code, where the job calls `faultPoint(args.faults, name).pass(record)`. */
  point(name: string): PointFaulting;
  /** Cuts the connections of a server, of all by default; new ones are refused for so long. @default at once again */
  disconnect(server?: NumberedServer, options?: { readonly for?: Duration }): Faulting;
  /** The thread that embeds the job does nothing for so long. */
  blockMain(time: Duration): Faulting;
  /** SIGSTOP to the process of the job, and SIGCONT after so long. */
  freeze(time: Duration): Faulting;
  /** SIGKILL to the process of the job, which is its end. */
  kill9(): Faulting;
  /**
   * SIGKILL to the process of the job, and another start on its checkpoint directory, which the run has then.
   * What comes out is compared by `files`: what a process had only told is gone with it.
   * @default started at once
   */
  processKill(options?: { readonly down?: Duration }): Faulting;
  /** Nothing more can be written to the checkpoint directory for so long: there is no space (ENOSPC). */
  diskFull(time: Duration): Faulting;
  /** For so long no write and no sync of the checkpoint directory comes off (EIO). */
  diskFails(time: Duration): Faulting;
  /** SIGTERM or SIGINT to the process of the job, which drains as the command does. */
  signal(signal: 'SIGTERM' | 'SIGINT'): Faulting;
}

export interface PointFaulting {
  /** @param times over all threads. @default 1 */
  throw(times?: number): Faulting;
  reject(times?: number): Faulting;
  hang(times?: number): Faulting;
  exit(code: number, times?: number): Faulting;
  oom(times?: number): Faulting;
  /** A blocking native call: the thread can't be ended. */
  nativeHang(times?: number): Faulting;
  /** Every record takes so many ms more, until `clear`. */
  slow(ms: number): Faulting;
  /** The record that has this text does this each time that it comes. */
  poison(record: string, how?: 'throw' | 'exit' | 'oom' | 'hang'): Faulting;
  clear(): Faulting;
}

export interface ChaosBuilder {
  /** `--seed`, or the option. Chance comes from it. */
  readonly seed: number;
  readonly claim: Claims;
  /** Options of the run, `args` among them. */
  run(options: Omit<RunOptions<never>, 'args'> & { readonly args?: object }): void;
  /** How long the job runs before it is drained. Faults on batches and events may come until then. @default '4s' */
  for(time: Duration): void;
  /** How long the drain may take. @default '20s' */
  deadline(time: Duration): void;
  /** A server of numbered records on a port of its own, which the job gets as `args[name]`. */
  serve(name: string, options?: NumberedOptions): NumberedServer;
  /**
   * A directory for files that the job writes with `to(files(args[name]))`. What is in it is compared with what was served as a
   * stream of that name, in place of the streams that the job collects.
   */
  files(name: string): void;
  /** So long after the job is up. */
  at(time: Duration): Faulting;
  /** When the nth batch is cut, from 1. */
  onBatch(n: number): Faulting;
  /** At the nth event of this type, from 1. @default the first */
  on(type: RunEvent['type'], nth?: number): Faulting;
  /** Again and again, from the first period on; later where the job takes longer to recover. */
  every(period: Duration, options?: EveryOptions): Every;
}

export interface EveryOptions {
  /** @default the script's */
  readonly seed?: number;
  /** The run goes on until it has come so often, if need be. @default until the time is up */
  readonly times?: number;
  /** No later than this. The last part of a run is better left in peace. @default until the time is up */
  readonly until?: Duration;
}

export interface Every {
  /** One of these each time, by the seed. */
  random(choices: readonly ((fault: Faulting) => unknown)[]): void;
  /** The same each time. */
  do(fault: (fault: Faulting) => unknown): void;
}

export type Trigger =
  | { readonly on: 'time'; readonly ms: number }
  | { readonly on: 'event'; readonly type: RunEvent['type']; readonly nth: number };

export interface Occasion {
  readonly trigger: Trigger;
  readonly faults: Fault[];
}

export interface Repeated {
  readonly periodMs: number;
  readonly seed: number;
  readonly times: number;
  readonly untilMs: number;
  readonly choices: readonly (readonly Fault[])[];
}

/** All that a script said. */
export interface Scenario {
  readonly seed: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly forMs: number;
  readonly deadlineMs: number;
  readonly servers: ReadonlyMap<string, NumberedServer>;
  readonly files: readonly string[];
  readonly occasions: readonly Occasion[];
  readonly repeated: readonly Repeated[];
  readonly claims: readonly Claim[];
}

const BRAND: unique symbol = Symbol.for('millrace.chaos') as never;

export interface ChaosScript {
  readonly [BRAND]: true;
  readonly define: (c: ChaosBuilder) => void;
}

/**
 * A chaos script: the default export of the file that `millrace chaos --script` takes, or what `runChaos` takes.
 *
 * @example
 * export default chaos((c) => {
 *   c.serve('port', { rate: 20_000 });
 *   c.at('1s').kill('worker');
 *   c.onBatch(8).hang('worker');
 *   c.claim.ledgerExact();
 *   c.claim.restarts(2);
 * });
 */
export function chaos(define: (c: ChaosBuilder) => void): ChaosScript {
  return { [BRAND]: true, define };
}

export function isChaosScript(value: unknown): value is ChaosScript {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/**
 * Runs a script's function, and gives what it said.
 * @throws ERR_MILLRACE_BAD_SCRIPT
 */
export function scenarioOf(script: ChaosScript, seed: number): Scenario {
  const options: Record<string, unknown> = {};
  const servers = new Map<string, NumberedServer>();
  const files: string[] = [];
  const occasions: Occasion[] = [];
  const repeated: Repeated[] = [];
  const claims: Claim[] = [];
  let forMs = 4000;
  let deadlineMs = 20_000;
  const ms = (time: Duration): number => durationMs(time, 'the time', 0);
  const occasion = (trigger: Trigger): Faulting => {
    const faults: Fault[] = [];
    occasions.push({ trigger, faults });
    return faulting(faults);
  };
  const builder: ChaosBuilder = {
    seed,
    claim: claimsInto(claims),
    run: (given) => void Object.assign(options, given),
    for: (time) => void (forMs = ms(time)),
    deadline: (time) => void (deadlineMs = ms(time)),
    serve(name, given = {}) {
      if (servers.has(name)) throw twice(name);
      const server = new NumberedServer({ name: servers.size === 0 ? '' : `${name}:`, ...given });
      servers.set(name, server);
      return server;
    },
    files(name) {
      if (files.includes(name) || servers.has(name)) throw twice(name);
      files.push(name);
    },
    at: (time) => occasion({ on: 'time', ms: ms(time) }),
    onBatch: (n) => occasion({ on: 'event', type: 'batchSubmitted', nth: whole('onBatch', n) }),
    on: (type, nth = 1) =>
      occasion({ on: 'event', type: known('on', type, EVENTS), nth: whole('on', nth) }),
    every(period, { seed: own = seed, times = Infinity, until } = {}) {
      const random = (choices: readonly ((fault: Faulting) => unknown)[]): void => {
        repeated.push({
          periodMs: ms(period),
          seed: own,
          times,
          untilMs: until === undefined ? Infinity : ms(until),
          choices: choices.map((choose) => {
            const faults: Fault[] = [];
            choose(faulting(faults));
            return faults;
          }),
        });
      };
      return { random, do: (fault) => random([fault]) };
    },
  };
  try {
    script.define(builder);
  } catch (error) {
    throw badScript(error instanceof Error ? error.message : String(error), error);
  }
  return { seed, options, forMs, deadlineMs, servers, files, occasions, repeated, claims };
}

function twice(name: string): Error {
  return new TypeError(
    `it has two servers or directories of the name '${name}'; the job gets each as args[name], so give them names of their own`,
  );
}

function faulting(faults: Fault[]): Faulting {
  const put = (fault: Fault): Faulting => {
    faults.push(fault);
    return self;
  };
  const thread = (victim: Victim, way: FaultWay, exitCode?: number): Faulting =>
    put({
      kind: 'thread',
      victim: known('a fault', victim, VICTIMS),
      way: known('kill', way, WAYS),
      ...(exitCode === undefined ? {} : { exitCode }),
    });
  const self: Faulting = {
    kill: (victim = 'worker', way = 'terminate') => thread(victim, way),
    hang: (victim = 'worker') => thread(victim, 'spin'),
    oom: (victim = 'worker') => thread(victim, 'oom'),
    exit: (exitCode, victim = 'worker') => thread(victim, 'exit', exitCode),
    reject: (victim = 'worker') => thread(victim, 'reject'),
    throwInTask: () => thread('worker', 'task'),
    corrupt: () => thread('worker', 'corrupt'),
    point(point) {
      const at = (
        fault: PointFault,
        more: { times?: number; record?: string; parameter?: number } = {},
      ): Faulting => put({ kind: 'point', point, fault, ...more });
      return {
        throw: (times = 1) => at('throw', { times }),
        reject: (times = 1) => at('reject', { times }),
        hang: (times = 1) => at('hang', { times }),
        exit: (code, times = 1) => at('exit', { times, parameter: code }),
        oom: (times = 1) => at('oom', { times }),
        nativeHang: (times = 1) => at('nativeHang', { times }),
        slow: (ms) => at('slow', { times: 2 ** 31 - 1, parameter: ms }),
        poison: (record, how = 'throw') => at(known('poison', how, POISONS), { record }),
        clear: () => at('clear'),
      };
    },
    disconnect: (server, options = {}) =>
      put({ kind: 'disconnect', server, ms: durationMs(options.for ?? 0, 'for', 0) }),
    blockMain: (time) => put({ kind: 'block', ms: durationMs(time, 'the time', 0) }),
    freeze: (time) => put({ kind: 'freeze', ms: durationMs(time, 'the time', 0) }),
    kill9: () => put({ kind: 'kill9' }),
    processKill: ({ down = 0 } = {}) =>
      put({ kind: 'processKill', ms: durationMs(down, 'down', 0) }),
    diskFull: (time) => put({ kind: 'disk', how: 'full', ms: durationMs(time, 'the time', 0) }),
    diskFails: (time) => put({ kind: 'disk', how: 'broken', ms: durationMs(time, 'the time', 0) }),
    signal: (signal) => put({ kind: 'signal', signal: known('signal', signal, SIGNALS) }),
  };
  return self;
}

/** Whether any of its faults is of such a kind. */
export function hasFault({ occasions, repeated }: Scenario, kind: Fault['kind']): boolean {
  return [...occasions.map(({ faults }) => faults), ...repeated.flatMap(({ choices }) => choices)]
    .flat()
    .some((fault) => fault.kind === kind);
}
