/**
 * The actors of one thread. It gives each that has mail a turn, knows who has which name, and keeps mail by name for
 * those that are between two lives. The thread that made the system has one too; with `threads: 0` all actors are in it.
 *
 * I1  Code of actors runs from a turn or a promise only, never inside a `tell`.
 * I2  A turn ends after TURN_MESSAGES, so that the event loop turns and other mail comes in.
 * I3  Mail by name for an actor that is between two lives is kept, STASH of them at most, and comes first in its next life.
 */
import type { ExitReason } from '../actors/exit.ts';
import type { Letter, Routed } from '../actors/mail.ts';
import { topOf, type ActorRef } from '../actors/ref.ts';
import type { Env } from '../env/env.ts';
import type { ChildHandle, Life } from '../supervision/supervisor.ts';
import { Cell, isFor, type CellSpec } from './cell.ts';
import type { Exchange, Residents } from './exchange.ts';

const TURN_MESSAGES = 512;
/** Letters that are kept for an actor between two lives. */
export const STASH = 1000;

/** The shared words that say what this thread is at. */
export interface NodeVitals {
  running(task?: number): void;
  progress(): void;
  idle(progress?: 'idle' | 'awaiting'): void;
}

export interface NodeOptions {
  readonly env: Env;
  readonly exchange: Exchange;
  readonly vitals: NodeVitals;
  /** Ends an actor at the top for good; its supervisor is on another thread. */
  readonly stopTop: (path: string, incarnation: number) => void;
  /** Names of actors that nobody named are unique in the system. */
  readonly nameMark: string;
}

export class Node implements Residents {
  readonly env: Env;
  readonly exchange: Exchange;
  #options: NodeOptions;
  #cells = new Map<string, Cell>();
  /** By path: those that ended and will be there again. */
  #between = new Map<string, Letter[]>();
  #ready: Cell[] = [];
  #scheduled = false;
  #current: Cell | undefined;
  /** By actor at the top: which life each below it is in. */
  #lives = new Map<string, Map<string, number>>();
  #names = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.env = options.env;
    this.exchange = options.exchange;
    options.exchange.residents = this;
  }

  get current(): ActorRef<never> | undefined {
    return this.#current?.context.self;
  }

  /** Whether its code is on the stack. */
  runs(cell: Cell): boolean {
    return this.#current === cell;
  }

  get actors(): readonly string[] {
    return [...this.#cells.keys()];
  }

  /** Whether mail by name for it belongs here. */
  knows(path: string): boolean {
    return this.#cells.has(path) || this.#between.has(path);
  }

  newName(): string {
    return `$${this.#options.nameMark}${++this.#names}`;
  }

  /** The number of the next life of a child of that name. */
  nextLife(path: string, life: number): number {
    const top = topOf(path);
    let lives = this.#lives.get(top);
    if (lives === undefined) this.#lives.set(top, (lives = new Map()));
    const next = Math.max(lives.get(path) ?? 0, life) + 1;
    // A name that was given may come again; one that was made up won't.
    if (!path.includes('/$', path.lastIndexOf('/'))) lives.set(path, next);
    return next;
  }

  heartbeat(): void {
    this.#options.vitals.progress();
  }

  /** Starts an actor. What was kept for it comes first. */
  start(spec: CellSpec, life: Life): ChildHandle {
    const cell = new Cell(this, spec, life);
    this.#cells.set(spec.path, cell);
    const kept = this.#between.get(spec.path) ?? [];
    this.#between.delete(spec.path);
    for (const letter of kept)
      if (!cell.deliver(letter)) this.exchange.undeliverable(letter, 'full');
    cell.start();
    return { stop: () => cell.stop({ kind: 'shutdown' }), kill: () => cell.kill() };
  }

  /** Ends that life of an actor at the top. */
  end(path: string, incarnation: number, brutal: boolean): void {
    const cell = this.#cells.get(path);
    if (cell?.spec.incarnation !== incarnation) return;
    if (brutal) cell.kill();
    else cell.stop({ kind: 'shutdown' });
  }

  /** It won't be there again: what was kept is dead. */
  forget(path: string): void {
    const kept = this.#between.get(path) ?? [];
    this.#between.delete(path);
    if (path.startsWith('/$')) this.#lives.delete(path);
    for (const letter of kept) this.exchange.undeliverable(letter, { kind: 'noproc' });
  }

  receive(mail: Routed): void {
    const { path, incarnation } = mail.to;
    const cell = this.#cells.get(path);
    switch (mail.type) {
      case 'letter': {
        if (isFor(mail, cell) && cell.state !== 'stopping') {
          if (!cell.deliver(mail)) this.exchange.undeliverable(mail, 'full');
          return;
        }
        const kept =
          incarnation === 0 ? (this.#between.get(path) ?? this.#keptFor(cell)) : undefined;
        if (kept === undefined) this.exchange.undeliverable(mail, { kind: 'noproc' });
        else if (kept.length < STASH) kept.push(mail);
        else this.exchange.undeliverable(mail, 'full');
        return;
      }
      case 'watch':
        if (isFor(mail, cell)) cell.watch(mail.from, mail.watch);
        else this.exchange.down(mail.from, mail.watch, incarnation, { kind: 'noproc' });
        return;
      case 'unwatch':
        if (isFor(mail, cell)) cell.unwatch(mail.from, mail.watch);
        return;
      case 'stop': {
        if (path === topOf(path)) {
          this.#options.stopTop(path, incarnation);
          return;
        }
        const at = path.lastIndexOf('/');
        const parent = this.#cells.get(path.slice(0, at));
        if (incarnation === 0 || isFor(mail, cell)) parent?.context.terminate(path.slice(at + 1));
        return;
      }
      default:
        mail satisfies never;
    }
  }

  /** A cell that is stopping takes no more; by name, mail for it waits for what comes after. */
  #keptFor(cell: Cell | undefined): Letter[] | undefined {
    if (cell === undefined) return undefined;
    const kept: Letter[] = [];
    this.#between.set(cell.spec.path, kept);
    return kept;
  }

  /** The cell has something to do. */
  list(cell: Cell): void {
    if (cell.listed || !cell.runnable) return;
    cell.listed = true;
    this.#ready.push(cell);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#turn());
  }

  #turn(): void {
    const ready = this.#ready;
    let left = TURN_MESSAGES;
    // Cells that get mail meanwhile are added at the end and have their turn too.
    for (let n = 0; n < ready.length; n++) {
      const cell = ready[n]!;
      if (left > 0) {
        left--;
        cell.listed = false;
        if (cell.runnable) cell.step();
        if (cell.runnable && !cell.listed) {
          cell.listed = true;
          ready.push(cell);
        }
        continue;
      }
      this.#ready = ready.slice(n);
      this.env.defer(() => this.#turn());
      return;
    }
    ready.length = 0;
    this.#scheduled = false;
  }

  /** Runs an actor's code: until it returns, this is the actor at work. */
  run<T>(cell: Cell, code: () => T): T {
    const before = this.#current;
    const { vitals } = this.#options;
    this.#current = cell;
    vitals.running(cell.spec.number);
    try {
      return code();
    } finally {
      this.#current = before;
      if (before === undefined) vitals.idle();
    }
  }

  /** The cell is no more. What it left unread by exact ref is dead; by name it is kept until it is clear what comes. */
  ended(cell: Cell, reason: ExitReason, left: readonly Letter[]): void {
    const { path } = cell.spec;
    if (this.#cells.get(path) === cell) this.#cells.delete(path);
    const kept = this.#between.get(path) ?? [];
    const first: Letter[] = [];
    for (const letter of left) {
      if (letter.to.incarnation === 0) first.push(letter);
      else this.exchange.undeliverable(letter, reason);
    }
    const all = [...first, ...kept];
    this.#between.set(path, all.slice(0, STASH));
    for (const letter of all.slice(STASH)) this.exchange.undeliverable(letter, 'full');
  }

  /** A child has ended: if it doesn't come back, it leaves nothing. */
  settled(path: string): void {
    // Asked when its supervisor has dealt with what it was told.
    if (path !== topOf(path)) queueMicrotask(() => this.#perhapsForget(path));
  }

  #perhapsForget(path: string): void {
    if (!this.#between.has(path)) return;
    const at = path.lastIndexOf('/');
    const parent = this.#cells.get(path.slice(0, at));
    if (parent?.state !== 'up' || !parent.context.awaits(path.slice(at + 1))) this.forget(path);
  }
}
