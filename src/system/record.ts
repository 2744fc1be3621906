/**
 * An actor at the top, as the system sees it: its supervisor, its place, and the mail by name that waits for its next
 * life while it has no thread. On the thread that made the system.
 *
 * I1  Each has a supervisor of its own, so one that fails too often takes no other along.
 * I2  Failures of the actor and of its thread are counted together; the death of a thread counts against the actor whose
 *     code was running, and against all of its actors when none was.
 * I3  `ended` is called once. The first start settles `started` in any case.
 */
import { describe, type ExitReason } from '../actors/exit.ts';
import type { Letter } from '../actors/mail.ts';
import type { Env } from '../env/env.ts';
import { fromWire, millraceError } from '../errors.ts';
import type { ChildSpec } from '../supervision/child-spec.ts';
import {
  Supervisor,
  type Blamed,
  type ChildHandle,
  type Life,
  type SupervisorEvent,
} from '../supervision/supervisor.ts';
import type { Place } from './place.ts';
import type { BehaviourSource } from './spawning.ts';
import type { TopOptions } from './actor-system.ts';

export interface RecordOptions {
  readonly env: Env;
  readonly path: string;
  readonly number: number;
  readonly source: BehaviourSource;
  readonly options: TopOptions<unknown>;
  readonly place: Place | undefined;
  readonly child: ChildSpec<null>;
  readonly begin: (record: Record, life: Life) => ChildHandle;
  readonly ended: (record: Record) => void;
  readonly onEvent: ((event: SupervisorEvent) => void) | undefined;
}

export class Record {
  readonly path: string;
  readonly number: number;
  readonly source: BehaviourSource;
  readonly options: TopOptions<unknown>;
  readonly place: Place | undefined;
  readonly started: Promise<void>;
  /** Which life it is in. */
  incarnation = 0;
  restarts = 0;
  /** Node where mail by name finds it; undefined while it has no thread. */
  at: number | undefined;
  /** Mail by name that waits for a thread. */
  stash: Letter[] = [];
  life: Life | undefined;
  readonly supervisor: Supervisor<null>;
  #settle!: { resolve: () => void; reject: (error: Error) => void };

  /** @throws `ERR_MILLRACE_BAD_SPEC` */
  constructor({
    env,
    path,
    number,
    source,
    options,
    place,
    child,
    begin,
    ended,
    onEvent,
  }: RecordOptions) {
    this.path = path;
    this.number = number;
    this.source = source;
    this.options = options;
    this.place = place;
    this.started = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    const { maxRestarts, withinMs } = options;
    this.supervisor = new Supervisor<null>({
      env,
      path: '',
      spec: {
        children: [child],
        onStartFailure: 'restart',
        ...(maxRestarts === undefined ? {} : { maxRestarts }),
        ...(withinMs === undefined ? {} : { withinMs }),
      },
      host: { start: (_, life) => begin(this, this.#observed(life)) },
      onExit: (reason, blamed) => {
        this.#settle.reject(this.#neverStarted(reason, blamed));
        ended(this);
      },
      ...(onEvent === undefined ? {} : { onEvent }),
    });
  }

  #observed(life: Life): Life {
    const observed: Life = {
      started: () => {
        this.#settle.resolve();
        life.started();
      },
      ignored: () => life.ignored(),
      progress: () => life.progress(),
      exited: (reason, counted) => {
        if (this.life !== observed) return;
        this.life = undefined;
        life.exited(reason, counted);
        queueMicrotask(() => this.#perhapsOver(reason));
      },
    };
    this.life = observed;
    return observed;
  }

  /** Its end for good is the end of its supervisor. Asked when that has dealt with what it was told. */
  #perhapsOver(reason: ExitReason): void {
    const state = this.supervisor.children()[0]?.state ?? 'down';
    if (state === 'down') void this.supervisor.stop(reason);
  }

  #neverStarted(reason: ExitReason, blamed: Blamed | undefined): Error {
    const detail = reason.kind === 'shutdown' ? (reason.detail ?? '') : '';
    const last = blamed?.reason;
    const cause = last !== undefined && 'error' in last ? { cause: fromWire(last.error) } : {};
    if (!detail.startsWith('reached_max_restarts'))
      return millraceError(
        'ERR_MILLRACE_STOPPED',
        `actor ${this.path} was stopped before it had started (${describe(last ?? reason)})`,
        { context: { actor: this.path }, ...cause },
      );
    return millraceError(
      'ERR_MILLRACE_REACHED_MAX_RESTARTS',
      `actor ${this.path} could not be started, ${detail}; the last time: ${describe(last!)}`,
      { context: { actor: this.path, reason: last! }, ...cause },
    );
  }
}
