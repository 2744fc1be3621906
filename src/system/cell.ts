/**
 * One life of an actor: its mailbox, its state, its children. Belongs to the node that made it.
 *
 *   starting ──onStart──▶ up ──▶ stopping ──children, onStop──▶ ended
 *       └── it throws ───────────▲   ▲ stop, a throw, ctx.stop()
 *
 * I1  One message at a time. While its `receive` awaits, the next one waits.
 * I2  `life.exited` is called once, after `onStop`, and after the last child.
 * I3  At its end each watcher is told once, and each ask that waits in it is unanswered with the reason.
 */
import { unpack } from '../actors/carry.ts';
import type { Behaviour } from '../actors/behaviour.ts';
import type { ExitReason } from '../actors/exit.ts';
import type { Letter, Routed } from '../actors/mail.ts';
import type { Address } from '../actors/ref.ts';
import type { Timer } from '../env/env.ts';
import { millraceError, toWire } from '../errors.ts';
import type { Life } from '../supervision/supervisor.ts';
import { Context } from './context.ts';
import type { Node } from './node.ts';

export interface CellSpec {
  readonly path: string;
  readonly incarnation: number;
  /** Of the actor at the top that it belongs to. */
  readonly number: number;
  readonly args: unknown;
  readonly mailboxSize: number;
  readonly asyncTimeoutMs: number;
  /** Gives a new one; may load its module. */
  readonly create: () => Behaviour | Promise<Behaviour>;
}

export type CellState = 'starting' | 'up' | 'stopping' | 'ended';

/** How long an `onStop` may take after a failure; a stop that was asked for has its own deadline. */
const LAST_WORDS_MS = 5000;

export class Cell {
  readonly spec: CellSpec;
  readonly address: Address;
  readonly context: Context;
  state: CellState = 'starting';
  /** In the node's list of those that have mail. */
  listed = false;
  /** The promise of a `receive` is pending. */
  awaiting = false;
  #node: Node;
  #life: Life;
  #behaviour: Behaviour | undefined;
  #mail: (Letter | { readonly type: 'own'; readonly message: unknown })[] = [];
  #read = 0;
  #hand: Letter | undefined;
  #watchers: { readonly from: number; readonly watch: number }[] = [];
  #timer: Timer | undefined;
  #stopAfter: ExitReason | undefined;
  #progressed = false;

  constructor(node: Node, spec: CellSpec, life: Life) {
    this.#node = node;
    this.#life = life;
    this.spec = spec;
    this.address = { path: spec.path, incarnation: spec.incarnation, node: node.exchange.node };
    this.context = new Context(node, this);
  }

  get runnable(): boolean {
    return this.state === 'up' && !this.awaiting && this.#read < this.#mail.length;
  }

  /** The letter in hand. */
  get hand(): Letter | undefined {
    return this.#hand;
  }

  start(): void {
    try {
      const created = this.spec.create();
      if (created instanceof Promise)
        created.then(
          (behaviour) => this.#begin(behaviour),
          (error: unknown) => this.fail(error),
        );
      else this.#begin(created);
    } catch (error) {
      this.fail(error);
    }
  }

  #begin(behaviour: Behaviour): void {
    if (this.state !== 'starting') return;
    this.#behaviour = behaviour;
    let started: unknown;
    try {
      started = this.#node.run(this, () =>
        behaviour.onStart?.(this.context, this.spec.args as never),
      );
    } catch (error) {
      this.fail(error);
      return;
    }
    if (isThenable(started))
      started.then(
        () => this.#up(),
        (error: unknown) => this.fail(error),
      );
    else this.#up();
  }

  #up(): void {
    if (this.state !== 'starting') return;
    this.state = 'up';
    this.#life.started();
    if (this.#stopAfter === undefined) this.#node.list(this);
    else this.end(this.#stopAfter);
  }

  /** Takes a letter in, or refuses it when the mailbox is full. */
  deliver(letter: Letter): boolean {
    if (this.#mail.length - this.#read >= this.spec.mailboxSize) return false;
    this.#mail.push(letter);
    this.#node.list(this);
    return true;
  }

  /** A message that the node itself has for it: `Down`. Never refused. */
  tell(message: unknown): void {
    if (this.state === 'ended' || this.state === 'stopping') return;
    this.#mail.push({ type: 'own', message });
    this.#node.list(this);
  }

  watch(from: number, watch: number): void {
    this.#watchers.push({ from, watch });
  }

  unwatch(from: number, watch: number): void {
    this.#watchers = this.#watchers.filter((each) => each.from !== from || each.watch !== watch);
  }

  /** Handles one message. */
  step(): void {
    const letter = this.#mail[this.#read]!;
    this.#mail[this.#read++] = undefined!;
    if (this.#read === this.#mail.length) {
      this.#mail.length = this.#read = 0;
    } else if (this.#read >= 1024) {
      this.#mail.splice(0, this.#read);
      this.#read = 0;
    }
    const message =
      letter.type === 'own'
        ? letter.message
        : letter.refs
          ? unpack(letter.body, this.#node.exchange)
          : letter.body;
    this.#hand = letter.type === 'own' ? undefined : letter;
    let given: unknown;
    try {
      given = this.#node.run(this, () => this.#behaviour!.receive(message as never, this.context));
    } catch (error) {
      this.fail(error);
      return;
    }
    if (!isThenable(given)) {
      this.#done(given);
      return;
    }
    this.awaiting = true;
    const { asyncTimeoutMs } = this.spec;
    this.#timer = this.#node.env.clock.after(asyncTimeoutMs, () => {
      this.fail(
        millraceError(
          'ERR_MILLRACE_HANG',
          `${this.spec.path}: the promise of receive was not settled within ${asyncTimeoutMs} ms`,
          { context: { actor: this.spec.path } },
        ),
      );
    });
    given.then(
      (value) => this.#settled(value),
      (error: unknown) => this.fail(error),
    );
  }

  #settled(value: unknown): void {
    if (this.state !== 'up') return;
    this.awaiting = false;
    this.#timer?.cancel();
    this.#done(value);
    if (this.state === 'up') this.#node.list(this);
  }

  #done(value: unknown): void {
    if (this.state !== 'up') return;
    try {
      this.reply(value);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#hand = undefined;
    if (!this.#progressed) {
      this.#progressed = true;
      this.#life.progress();
    }
    if (this.#stopAfter !== undefined) this.end(this.#stopAfter);
  }

  /** Answers the letter in hand, once. */
  reply(answer: unknown): void {
    const letter = this.#hand;
    if (letter === undefined || letter.ask === 0) return;
    this.#node.exchange.answer(letter, answer);
    this.#hand = { ...letter, ask: 0 };
  }

  /** Ends after the message in hand. */
  stop(reason: ExitReason): void {
    if (this.state !== 'up' && this.state !== 'starting') return;
    this.#stopAfter ??= reason;
    if (this.state === 'up' && this.#hand === undefined && !this.awaiting && !this.#node.runs(this))
      this.end(reason);
  }

  fail(thrown: unknown): void {
    this.end({ kind: 'error', error: toWire(thrown) });
  }

  /** Children first, then the behaviour's last words. */
  end(reason: ExitReason): void {
    if (this.state === 'stopping' || this.state === 'ended') return;
    this.state = 'stopping';
    this.#timer?.cancel();
    const children = this.context.stopChildren();
    if (children === undefined) this.#lastWords(reason);
    else void children.then(() => this.#lastWords(reason));
  }

  #lastWords(reason: ExitReason): void {
    if (this.state !== 'stopping') return;
    let last: unknown;
    try {
      last = this.#node.run(this, () => this.#behaviour?.onStop?.(reason, this.context));
    } catch (error) {
      this.#finish(reason.kind === 'error' ? reason : { kind: 'error', error: toWire(error) });
      return;
    }
    if (!isThenable(last)) {
      this.#finish(reason);
      return;
    }
    if (reason.kind === 'error')
      this.#timer = this.#node.env.clock.after(LAST_WORDS_MS, () => this.#finish(reason));
    last.then(
      () => this.#finish(reason),
      (error: unknown) =>
        this.#finish(reason.kind === 'error' ? reason : { kind: 'error', error: toWire(error) }),
    );
  }

  /** Ends it now, without a word. */
  kill(): void {
    if (this.state === 'ended') return;
    this.context.killChildren();
    this.#finish({ kind: 'killed' });
  }

  #finish(reason: ExitReason): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.#timer?.cancel();
    this.context.unwatchAll();
    const { exchange } = this.#node;
    const { incarnation, path } = this.spec;
    if (this.#hand !== undefined) exchange.unanswered(this.#hand, reason, incarnation);
    const left = this.#mail
      .slice(this.#read)
      .filter((each): each is Letter => each.type === 'letter');
    this.#mail = [];
    this.#node.ended(this, reason, left);
    for (const { from, watch } of this.#watchers) exchange.down(from, watch, incarnation, reason);
    this.#life.exited(reason);
    this.#node.settled(path);
  }
}

/** Mail that names an actor which lives. */
export function isFor(mail: Routed, cell: Cell | undefined): cell is Cell {
  return (
    cell !== undefined &&
    (mail.to.incarnation === 0 || mail.to.incarnation === cell.spec.incarnation)
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
