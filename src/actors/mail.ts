/**
 * What threads with actors say to each other. `Mail` goes between any two of them; the rest between a thread and the
 * one that made the system. All of it is plain data, in order on each way.
 */
import type { DeadLetter, DownReason } from './dead-letters.ts';
import type { ExitReason } from './exit.ts';
import type { Address } from './ref.ts';

/** A message to an actor. */
export interface Letter {
  readonly type: 'letter';
  readonly to: Address;
  readonly body: unknown;
  /** There are refs in `body`, in the form in which they travel. */
  readonly refs: boolean;
  readonly sender: Address | undefined;
  /** Number of the ask at the asker, 0 for none. */
  readonly ask: number;
  /** The asker's thread. */
  readonly from: number;
}

export type Mail =
  | Letter
  | {
      readonly type: 'answer';
      readonly ask: number;
      readonly body: unknown;
      readonly refs: boolean;
    }
  /** There will be no answer. */
  | {
      readonly type: 'unanswered';
      readonly ask: number;
      readonly incarnation: number;
      readonly reason: DownReason | 'full';
    }
  | { readonly type: 'watch'; readonly to: Address; readonly watch: number; readonly from: number }
  | {
      readonly type: 'unwatch';
      readonly to: Address;
      readonly watch: number;
      readonly from: number;
    }
  | {
      readonly type: 'down';
      readonly watch: number;
      readonly incarnation: number;
      readonly reason: DownReason;
    }
  /** End it, for good. */
  | { readonly type: 'stop'; readonly to: Address };

/** Where a thread finds a behaviour. */
export interface BehaviourAddress {
  readonly url: string;
  readonly exported: string;
}

/** What it takes to start an actor that stands at the top. */
export interface Birth {
  readonly path: string;
  readonly incarnation: number;
  /** Of the actor at the top, in the vitals of its thread. */
  readonly number: number;
  readonly behaviour: BehaviourAddress;
  readonly args: unknown;
  readonly refs: boolean;
  readonly mailboxSize: number;
  readonly asyncTimeoutMs: number;
}

/** To a thread, from the one that made the system. */
export type ToNode =
  | Mail
  | { readonly type: 'birth'; readonly birth: Birth }
  | {
      readonly type: 'end';
      readonly path: string;
      readonly incarnation: number;
      readonly brutal: boolean;
    }
  /** The actor won't be started here again: what was kept for it is dead. */
  | { readonly type: 'forget'; readonly path: string }
  /** A direct way to another thread. */
  | { readonly type: 'link'; readonly node: number; readonly port: unknown }
  | { readonly type: 'gone'; readonly node: number; readonly reason: ExitReason }
  /** An ask or watch by name went to this thread. */
  | { readonly type: 'routed'; readonly ask: number; readonly watch: number; readonly node: number }
  | { readonly type: 'close' };

/** From a thread to the one that made the system. */
export type FromNode =
  | Mail
  | { readonly type: 'started'; readonly path: string; readonly incarnation: number }
  | { readonly type: 'progress'; readonly path: string; readonly incarnation: number }
  | {
      readonly type: 'exited';
      readonly path: string;
      readonly incarnation: number;
      readonly reason: ExitReason;
    }
  /** It wants a way to that thread. */
  | { readonly type: 'connect'; readonly node: number }
  /** Mail by name, for whoever has the name. */
  | { readonly type: 'route'; readonly mail: Routed }
  | { readonly type: 'dead'; readonly letter: DeadLetter };

/** Mail that may be sent by name. */
export type Routed = Extract<Mail, { readonly to: Address }>;
