/**
 * What a user writes: a behaviour is a class in a module, for a closure can't cross to another thread. And what it gets:
 * the context of its actor.
 *
 *   export class Counter {
 *     #count = 0;
 *     receive(message: 'add' | 'get', ctx: ActorContext) {
 *       if (message === 'add') this.#count++;
 *       return this.#count;
 *     }
 *   }
 */
import type { DownReason } from './dead-letters.ts';
import type { ExitReason } from './exit.ts';
import type { ActorRef } from './ref.ts';

/** An actor's code and state. Messages come one at a time; while `receive` awaits, the next one waits. */
export interface Behaviour<Message = never, Args = never> {
  /** Called once, before any message. A throw is a start that failed. */
  onStart?(ctx: ActorContext, args: Args): void | Promise<void>;
  /**
   * Called for each message, also for the `Down` of those it watches. What it returns (or its promise resolves to) is
   * the answer to an ask, unless `ctx.reply` gave one. A throw ends this life of the actor.
   */
  receive(message: Message, ctx: ActorContext): unknown;
  /** Called when the actor ends, whatever the reason, unless it is killed. Release here what `onStart` took. */
  onStop?(reason: ExitReason, ctx: ActorContext): void | Promise<void>;
}

export interface BehaviourClass<Message = never, Args = never> {
  new (): Behaviour<Message, Args>;
  /** `import.meta.url` of its module, so that the class itself can be given to `spawn`. */
  readonly module?: string;
}

/** The end of an actor that was watched. Comes exactly once for each watch. */
export class Down {
  readonly path: string;
  /** Which life ended; 0 when there was none. */
  readonly incarnation: number;
  /** `noproc`: it was dead already. */
  readonly reason: DownReason;

  constructor(path: string, incarnation: number, reason: DownReason) {
    this.path = path;
    this.incarnation = incarnation;
    this.reason = reason;
  }
}

export interface SpawnOptions<Args = unknown> {
  /** Unique below its parent, without '/'. @default a new one */
  readonly name?: string;
  /** For `onStart`; copied to the actor's thread. */
  readonly args?: Args;
  /** When it is started again after its end. @default transient: after an abnormal end */
  readonly restart?: 'permanent' | 'transient' | 'temporary';
  /** How long it may take to stop, in ms. @default 5000 */
  readonly shutdownMs?: number | 'brutal' | 'infinity';
  /** How long `onStart` may take, in ms. @default 10000 */
  readonly startTimeoutMs?: number;
  /**
   * Delays before its restarts. The first one since it handled a message doesn't wait.
   * @default { minMs: 50, maxMs: 5000, factor: 2, jitter: 0.2 }
   */
  readonly backoff?: {
    readonly minMs?: number;
    readonly maxMs?: number;
    readonly factor?: number;
    readonly jitter?: number;
  };
  /** Messages that may wait for it; more are dead letters. @default 65536 */
  readonly mailboxSize?: number;
  /** How long the promise of one `receive` may take, in ms. @default 30000 */
  readonly asyncTimeoutMs?: number;
}

export interface ActorContext {
  readonly self: ActorRef<never>;
  /** Who sent the message in hand, if an actor did. */
  readonly sender: ActorRef<never> | undefined;
  /** Answers the ask in hand; later calls, and what `receive` returns, do nothing then. */
  reply(answer: unknown): void;
  /** Starts a child on this thread. It is supervised by this actor and ends with it. */
  spawn<M, A>(
    behaviour: BehaviourClass<M, A> | URL | string,
    options?: ChildOptions<A>,
  ): Promise<ActorRef<M>>;
  /** How children are supervised; before the first `spawn`. @default one_for_one, 3 restarts in 30 s */
  supervise(flags: ChildSupervision): void;
  /** One `Down` comes as a message when that actor ends, at once if it has ended. */
  watch(ref: ActorRef<never>): void;
  unwatch(ref: ActorRef<never>): void;
  /** Without a ref: this actor ends as `normal` after the message in hand. Else ends that actor for good. */
  stop(ref?: ActorRef<never>): void;
  /** A ref by name: `/counter`. */
  named<M>(path: string): ActorRef<M>;
  /** Long synchronous work says that it lives, so that it isn't taken for a hang. */
  heartbeat(): void;
}

export interface ChildOptions<Args = unknown> extends SpawnOptions<Args> {
  /** Its end may end its parent (`autoShutdown`). Only with `restart: 'transient'`. @default false */
  readonly significant?: boolean;
}

export interface ChildSupervision {
  /** @default one_for_one */
  readonly strategy?: 'one_for_one' | 'one_for_all' | 'rest_for_one';
  /** @default 3 */
  readonly maxRestarts?: number;
  /** In ms. @default 30000 */
  readonly withinMs?: number;
  /** @default never */
  readonly autoShutdown?: 'never' | 'any_significant' | 'all_significant';
}
