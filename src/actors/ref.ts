/**
 * Refs: how an actor is addressed. A ref is plain data and a way to send, so it may be part of any message, to any
 * thread; there it sends from that thread.
 *
 *   exact     path + incarnation + thread: one life of an actor. When it ends, the ref is of no more use.
 *   by name   path alone (`incarnation` is 0): whoever has the name when the message arrives.
 */

/** A ref as it crosses threads. */
export interface Address {
  /** `/counter`, or `/counter/child`. */
  readonly path: string;
  /** Which life, from 1; 0 is whichever there is. */
  readonly incarnation: number;
  /** Number of the thread's life that it is in; -1 by name. */
  readonly node: number;
}

export interface AskOptions {
  /** When to give up, in ms. @default 5000 */
  readonly timeoutMs?: number;
}

export interface TellOptions {
  /** Who is to be `ctx.sender` there. @default the actor whose `receive` is on the stack */
  readonly sender?: ActorRef<never> | ActorRef;
}

/** What a ref sends with: the exchange of its thread. */
export interface Sender {
  tell(to: Address, message: unknown, options: TellOptions): void;
  ask(to: Address, message: unknown, options: AskOptions): Promise<unknown>;
}

export class ActorRef<Message = unknown> implements Address {
  readonly path: string;
  readonly incarnation: number;
  readonly node: number;
  #sender: Sender;

  /** @internal */
  constructor(address: Address, sender: Sender) {
    this.path = address.path;
    this.incarnation = address.incarnation;
    this.node = address.node;
    this.#sender = sender;
  }

  /**
   * Sends a message and forgets it. What can't be delivered is a dead letter. Between threads messages are copied
   * (structured clone, refs included); within a thread they are handed over as they are, so don't change them.
   * @throws `ERR_MILLRACE_NOT_ENCODABLE` for what can't be copied, such as a function
   */
  tell(message: Message, options: TellOptions = {}): void {
    this.#sender.tell(this, message, options);
  }

  /**
   * Sends a message and waits for the answer. Settles in any case.
   * @throws `ERR_MILLRACE_PEER_DOWN` as soon as the actor is gone (`cause` is its error), `ERR_MILLRACE_CALL_TIMEOUT`
   *   at the deadline, `ERR_MILLRACE_NOT_ENCODABLE`
   */
  ask<Answer = unknown>(message: Message, options: AskOptions = {}): Promise<Answer> {
    return this.#sender.ask(this, message, options) as Promise<Answer>;
  }

  /** The same actor by name: this ref outlives restarts, and mail that comes during one is kept for the next life. */
  get byName(): ActorRef<Message> {
    return new ActorRef<Message>({ path: this.path, incarnation: 0, node: -1 }, this.#sender);
  }

  toString(): string {
    return this.incarnation === 0 ? this.path : `${this.path}#${this.incarnation}`;
  }
}

export function addressOf({ path, incarnation, node }: Address): Address {
  return { path, incarnation, node };
}

/** The path of the actor at the top, above which there is none: `/counter` of `/counter/child/2`. */
export function topOf(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}
