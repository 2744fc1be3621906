/**
 * The post office of one thread: sends mail to other threads, keeps what waits for an answer, and notices who is gone.
 * Each thread with actors has one, and so has the thread that made the system; they are all alike and know each other by
 * number (`node`), a new one for each life of a thread. 0 is the one that made the system.
 *
 *   exact ref   straight to its thread, by a port that is set up at the first message
 *   by name     by way of node 0, which knows who has the name
 *
 * I1  Every ask settles exactly once: answered, unanswered, its peer's thread gone, or its deadline. The same holds for
 *     watches, but for the deadline.
 * I2  Mail on one way stays in order: what comes before the port is there waits, and nothing goes around it.
 * I3  What a thread was sent after its death is dead: letters are dead letters, asks and watches settle.
 */
import { pack, unpack } from '../actors/carry.ts';
import { describeDown, type DeadLetter, type DownReason } from '../actors/dead-letters.ts';
import type { ExitReason } from '../actors/exit.ts';
import type { Letter, Mail, Routed } from '../actors/mail.ts';
import {
  addressOf,
  type ActorRef,
  type Address,
  type AskOptions,
  type Sender,
  type TellOptions,
} from '../actors/ref.ts';
import { deadline } from '../env/deadline.ts';
import type { Env, Timer } from '../env/env.ts';
import { fromWire, millraceError } from '../errors.ts';

/** Mail that may wait for a port, a way; more is dead. */
const MAX_WAITING = 10_000;
const DEFAULT_ASK_MS = 5000;
/** What settles an ask is known for this node, and no other. */
const NOWHERE = -1;

/** A way to another thread. */
export interface Way {
  post(mail: Mail): void;
}

/** Who lives on this thread. */
export interface Residents {
  receive(mail: Routed): void;
  /** The actor whose `receive` is on the stack. */
  readonly current: ActorRef<never> | undefined;
}

export interface ExchangeOptions {
  readonly env: Pick<Env, 'clock'>;
  readonly node: number;
  /** Asks for a way to that thread; `link` or `gone` follows. */
  readonly connect: (node: number) => void;
  /** Takes mail by name that isn't for this thread. */
  readonly route: (mail: Routed) => void;
  readonly dead: (letter: DeadLetter) => void;
}

interface Ask {
  readonly path: string;
  node: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

interface Watch {
  readonly path: string;
  readonly incarnation: number;
  node: number;
  readonly down: (incarnation: number, reason: DownReason) => void;
}

export class Exchange implements Sender {
  readonly node: number;
  residents!: Residents;
  #options: ExchangeOptions;
  #ways = new Map<number, Way | Mail[]>();
  #gone = new Map<number, ExitReason>();
  #asks = new Map<number, Ask>();
  #watches = new Map<number, Watch>();
  #next = 1;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.node = options.node;
  }

  /** Asks and watches that wait. */
  get pending(): number {
    return this.#asks.size + this.#watches.size;
  }

  tell(to: Address, message: unknown, { sender }: TellOptions): void {
    this.#post(to, message, 0, sender);
  }

  ask(to: Address, message: unknown, { timeoutMs = DEFAULT_ASK_MS }: AskOptions): Promise<unknown> {
    if (!(timeoutMs > 0 && timeoutMs < Infinity)) {
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_BAD_OPTION',
          `timeoutMs is ${String(timeoutMs)}: every ask needs a deadline, a number of ms above 0`,
          { context: { option: 'timeoutMs' } },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      const timer = deadline(this.#options.env.clock, timeoutMs, () => {
        this.#asks.delete(id);
        reject(
          millraceError(
            'ERR_MILLRACE_CALL_TIMEOUT',
            `${to.path} did not answer within ${timeoutMs} ms`,
            { context: { actor: to.path, deadlineMs: timeoutMs } },
          ),
        );
      });
      this.#asks.set(id, { path: to.path, node: to.node, resolve, reject, timer });
      try {
        this.#post(to, message, id, undefined);
      } catch (error) {
        this.#asks.delete(id);
        timer.cancel();
        reject(error as Error);
      }
    });
  }

  /** Calls `down` exactly once. Gives the number of the watch. */
  watch(to: Address, down: (incarnation: number, reason: DownReason) => void): number {
    const watch = this.#next++;
    this.#watches.set(watch, { path: to.path, incarnation: to.incarnation, node: to.node, down });
    this.send({ type: 'watch', to: addressOf(to), watch, from: this.node });
    return watch;
  }

  unwatch(watch: number): void {
    const known = this.#watches.get(watch);
    if (known === undefined) return;
    this.#watches.delete(watch);
    const { path, incarnation, node } = known;
    if (node !== NOWHERE)
      this.#sendTo(node, {
        type: 'unwatch',
        to: { path, incarnation, node },
        watch,
        from: this.node,
      });
  }

  /** Sends mail to an actor, wherever it is. */
  send(mail: Routed): void {
    const { node, incarnation } = mail.to;
    if (incarnation === 0) this.#options.route(mail);
    else this.#sendTo(node, mail);
  }

  /** Sends mail to a thread, this one included. */
  #sendTo(node: number, mail: Mail): void {
    if (node === this.node) {
      this.receive(mail);
      return;
    }
    const gone = this.#gone.get(node);
    if (gone !== undefined) {
      this.undeliverable(mail, gone);
      return;
    }
    let way = this.#ways.get(node);
    if (way === undefined) {
      this.#ways.set(node, (way = []));
      this.#options.connect(node);
      // In the calling thread the way may be there at once.
      way = this.#ways.get(node) ?? way;
    }
    if (!Array.isArray(way)) way.post(mail);
    else if (way.length < MAX_WAITING) way.push(mail);
    else this.undeliverable(mail, { kind: 'lost' });
  }

  /** As `send`, for mail by name whose actor was found there. */
  forward(node: number, mail: Routed): void {
    this.#sendTo(node, mail);
  }

  answer({ from, ask }: Letter, answer: unknown): void {
    const { body, refs } = from === this.node ? { body: answer, refs: false } : pack(answer);
    try {
      this.#sendTo(from, { type: 'answer', ask, body, refs });
    } catch (error) {
      throw notEncodable('an answer', error);
    }
  }

  unanswered(
    { from, ask, to }: Letter,
    reason: DownReason | 'full',
    incarnation: number = to.incarnation,
  ): void {
    if (ask !== 0) this.#sendTo(from, { type: 'unanswered', ask, incarnation, reason });
  }

  down(from: number, watch: number, incarnation: number, reason: DownReason): void {
    this.#sendTo(from, { type: 'down', watch, incarnation, reason });
  }

  /** Mail that came to this thread. */
  receive(mail: Mail): void {
    switch (mail.type) {
      case 'letter':
      case 'watch':
      case 'unwatch':
      case 'stop':
        this.residents.receive(mail);
        return;
      case 'answer':
        this.#take(mail.ask)?.resolve(mail.refs ? unpack(mail.body, this) : mail.body);
        return;
      case 'unanswered': {
        const ask = this.#take(mail.ask);
        ask?.reject(peerDown(ask.path, mail.incarnation, mail.reason));
        return;
      }
      case 'down': {
        const watch = this.#watches.get(mail.watch);
        this.#watches.delete(mail.watch);
        watch?.down(mail.incarnation, mail.reason);
        return;
      }
      default:
        mail satisfies never;
    }
  }

  /** An ask or watch by name was sent on to that thread. */
  routed(ask: number, watch: number, node: number): void {
    const waiting = ask === 0 ? this.#watches.get(watch) : this.#asks.get(ask);
    if (waiting === undefined) return;
    waiting.node = node;
    // It may have died in between.
    const reason = this.#gone.get(node);
    if (reason !== undefined) this.gone(node, reason);
  }

  link(node: number, way: Way): void {
    const waiting = this.#ways.get(node);
    this.#ways.set(node, way);
    if (Array.isArray(waiting)) for (const mail of waiting) way.post(mail);
  }

  /** That thread has ended: who waits for it waits no more. */
  gone(node: number, reason: ExitReason): void {
    this.#gone.set(node, reason);
    const waiting = this.#ways.get(node);
    this.#ways.delete(node);
    if (Array.isArray(waiting)) for (const mail of waiting) this.undeliverable(mail, reason);
    for (const [id, ask] of this.#asks) {
      if (ask.node !== node) continue;
      this.#take(id);
      ask.reject(peerDown(ask.path, undefined, reason));
    }
    for (const [id, watch] of this.#watches) {
      if (watch.node !== node) continue;
      this.#watches.delete(id);
      watch.down(watch.incarnation, reason);
    }
  }

  /** Mail that reaches nobody. `reason`: why. */
  undeliverable(mail: Mail, reason: DownReason | 'full'): void {
    switch (mail.type) {
      case 'letter': {
        const { to, body, refs } = mail;
        const why = reason === 'full' ? 'its mailbox is full' : describeDown(reason);
        this.#options.dead({
          path: to.path,
          incarnation: to.incarnation,
          message: refs ? unpack(body, this) : body,
          reason: why,
        });
        this.unanswered(mail, reason);
        return;
      }
      case 'watch':
        this.down(
          mail.from,
          mail.watch,
          mail.to.incarnation,
          reason === 'full' ? { kind: 'noproc' } : reason,
        );
        return;
      case 'unwatch':
      case 'stop':
      case 'answer':
      case 'unanswered':
      case 'down':
        return;
      default:
        mail satisfies never;
    }
  }

  /** The system is closed. */
  close(reason: ExitReason): void {
    for (const [id, ask] of this.#asks) {
      this.#take(id);
      ask.reject(peerDown(ask.path, undefined, reason));
    }
    for (const [id, watch] of this.#watches) {
      this.#watches.delete(id);
      watch.down(watch.incarnation, reason);
    }
  }

  #post(
    to: Address,
    message: unknown,
    ask: number,
    by: ActorRef<never> | ActorRef | undefined,
  ): void {
    const sender = by ?? this.residents.current;
    // Only on one's own thread is a message handed over as it is.
    const { body, refs } = to.node === this.node ? { body: message, refs: false } : pack(message);
    const letter: Letter = {
      type: 'letter',
      to: addressOf(to),
      body,
      refs,
      sender: sender === undefined ? undefined : addressOf(sender),
      ask,
      from: this.node,
    };
    try {
      this.send(letter);
    } catch (error) {
      throw notEncodable(`a message to ${to.path}`, error);
    }
  }

  #take(id: number): Ask | undefined {
    const ask = this.#asks.get(id);
    if (ask === undefined) return undefined;
    this.#asks.delete(id);
    ask.timer.cancel();
    return ask;
  }
}

export function peerDown(
  path: string,
  incarnation: number | undefined,
  reason: DownReason | 'full',
): Error {
  const why = reason === 'full' ? 'its mailbox is full' : describeDown(reason);
  const name = incarnation === undefined || incarnation === 0 ? path : `${path}#${incarnation}`;
  return millraceError(
    'ERR_MILLRACE_PEER_DOWN',
    `${name} gives no answer (${why}); it may have got the message or not`,
    {
      context: { actor: path, ...(incarnation === undefined ? {} : { incarnation }), reason },
      ...(reason !== 'full' && 'error' in reason ? { cause: fromWire(reason.error) } : {}),
    },
  );
}

function notEncodable(what: string, error: unknown): unknown {
  if ((error as Error | null)?.name !== 'DataCloneError') return error;
  return millraceError(
    'ERR_MILLRACE_NOT_ENCODABLE',
    `${what} can't be copied to another thread: ${(error as Error).message}`,
    { cause: error },
  );
}
