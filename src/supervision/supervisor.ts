/**
 * A supervisor with OTP's semantics: it starts its children in order, restarts what dies, gives up when that is no cure,
 * and stops all in reverse order. It runs on the thread that made it, starts nothing itself (a `ChildHost` does) and
 * knows no thread, so each rule is tested in virtual time.
 *
 *   children ──signals──▶ state of each child ──▶ the operation that waits for it
 *                               │ died
 *                               ▼
 *   calls, timers ─────▶ mailbox ──▶ one operation at a time: start, stop, restart, …
 *                               ▲
 *   stop ───────────────────────┘ goes before all that waits there, and ends a start in the middle
 *
 * An operation is a generator. It yields where it has to wait, and goes on after the next signal.
 *
 * I1  One operation at a time. Nothing runs inside a call of the host: what it says at once waits for its turn.
 * I2  A restart, also the retry of a start that failed, comes through the mailbox, so a stop overtakes it.
 * I3  Each life of a child is told apart; what an old one says is ignored.
 * I4  `onExit` is called once, when no child is left.
 */
import type { Env, Timer } from '../env/env.ts';
import { fromWire, millraceError, toWire } from '../errors.ts';
import { Backoff } from './backoff.ts';
import {
  checkChild,
  checkSpec,
  resolveChild,
  type ChildSpec,
  type ResolvedChild,
  type Strategy,
  type SupervisorSpec,
} from './child-spec.ts';
import { describe, restarts, type ExitReason } from './exit-reason.ts';
import { RestartIntensity } from './intensity.ts';

/** What the host says of one life of a child. */
export interface Life {
  /** It can work. */
  started(): void;
  /** It has nothing to do and is not there: no failure. */
  ignored(): void;
  /** It achieved something: its next backoff is the shortest again. */
  progress(): void;
  /** It ended, before it started or after. @param counted whether it counts against the limits. @default true */
  exited(reason: ExitReason, counted?: boolean): void;
}

/** One life of a child, as its supervisor holds it. */
export interface ChildHandle {
  /** Asks it to end; `exited` follows. */
  stop(): void;
  /** Makes it end; `exited` follows in any case. */
  kill(): void;
}

/** Starts children. `Start` says what. */
export interface ChildHost<Start> {
  start(child: StartedChild<Start>, life: Life): ChildHandle;
}

export interface StartedChild<Start> {
  readonly id: string;
  /** `app/db/pool`. */
  readonly path: string;
  readonly start: Start;
  /** 1 for its first life below this supervisor. */
  readonly incarnation: number;
}

/** What a supervisor did, for logs and the monitor. */
export type SupervisorEvent =
  | { readonly type: 'started'; readonly path: string; readonly incarnation: number }
  | {
      readonly type: 'exited';
      readonly path: string;
      readonly incarnation: number;
      readonly reason: ExitReason;
    }
  /** `delayMs` from now the child and those that share its fate start anew. */
  | {
      readonly type: 'restarting';
      readonly path: string;
      readonly delayMs: number;
      readonly restarts: number;
      readonly maxRestarts: number;
    }
  | { readonly type: 'gaveUp'; readonly path: string; readonly detail: string };

export interface SupervisorOptions<Start> {
  readonly env: Pick<Env, 'clock' | 'random'>;
  readonly host: ChildHost<Start>;
  readonly spec: SupervisorSpec<Start>;
  readonly path: string;
  /** All children of the spec have started. */
  readonly onStarted?: () => void;
  /** @param blamed the child because of which it ended, if any, and how that ended */
  readonly onExit?: (reason: ExitReason, blamed?: Blamed) => void;
  readonly onEvent?: (event: SupervisorEvent) => void;
  readonly onProgress?: () => void;
}

export interface Blamed {
  readonly id: string;
  readonly reason: ExitReason;
}

export type ChildState = 'starting' | 'up' | 'ignored' | 'stopping' | 'waiting' | 'down';

export interface ChildInfo {
  readonly id: string;
  readonly type: 'worker' | 'supervisor';
  readonly state: ChildState;
  readonly incarnation: number;
  readonly restarts: number;
}

export interface ChildCounts {
  /** Children that it knows, alive or not. */
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

type Operation = Generator<void, void, void>;

interface Command {
  run(): Operation;
  /** The supervisor ends before it is this command's turn. */
  refuse?(): void;
}

interface Entry<Start> {
  readonly spec: ResolvedChild<Start>;
  readonly intensity: RestartIntensity;
  readonly backoff: Backoff;
  state: ChildState;
  /** Number of the life; signals of another one are ignored. */
  incarnation: number;
  restarts: number;
  /** Deaths since it made progress. */
  deaths: number;
  reason: ExitReason;
  counted: boolean;
  /** It ended by itself, and nobody has dealt with that yet. */
  died: boolean;
  handle: ChildHandle | undefined;
  timer: Timer | undefined;
}

/** A restart that is to come, and all that start with it. */
interface PendingRestart<Start> {
  readonly members: Set<Entry<Start>>;
  readonly timer: Timer | undefined;
}

const NORMAL: ExitReason = { kind: 'normal' };
const SHUTDOWN: ExitReason = { kind: 'shutdown' };
/** The supervisor as a whole may restart so many times what a child may. */
const WHOLE = 3;

export class Supervisor<Start> {
  readonly path: string;
  #options: SupervisorOptions<Start>;
  #strategy: Strategy;
  #entries: Entry<Start>[] = [];
  #template: ResolvedChild<Start> | undefined;
  #whole: RestartIntensity;
  #pending = new Set<PendingRestart<Start>>();
  #mailbox: Command[] = [];
  #operation: Operation | undefined;
  #pumping = false;
  #state: 'new' | 'running' | 'stopping' | 'ended' = 'new';
  #ending: { readonly reason: ExitReason; readonly blamed?: Blamed } | undefined;
  #brutal = false;
  #dynamic = 0;
  #waiters: (() => void)[] = [];

  /** @throws `ERR_MILLRACE_BAD_SPEC`: nothing has started then */
  constructor(options: SupervisorOptions<Start>) {
    checkSpec(options.spec, options.path);
    const { spec, path } = options;
    this.#options = options;
    this.path = path;
    this.#strategy = spec.strategy ?? 'one_for_one';
    const maxRestarts = (spec.maxRestarts ?? 3) * WHOLE;
    this.#whole = new RestartIntensity({ ...this.#limits(), maxRestarts });
    if (this.#strategy === 'simple_one_for_one') this.#template = resolveChild(spec.children[0]!);
    else for (const child of spec.children) this.#entries.push(this.#entry(child));
  }

  /** Starts all children of the spec, in order. Once. */
  start(): void {
    if (this.#state !== 'new')
      throw millraceError(
        'ERR_MILLRACE_ALREADY_STARTED',
        `supervisor ${this.path} has been started before`,
      );
    this.#state = 'running';
    this.#command({ run: () => this.#startAll() });
  }

  /** Stops all children in reverse order, then ends as `shutdown`. Resolves when it has ended. */
  stop(reason: ExitReason = SHUTDOWN): Promise<void> {
    const ended =
      this.#state === 'ended'
        ? Promise.resolve()
        : new Promise<void>((resolve) => this.#waiters.push(resolve));
    this.#end(reason);
    this.#pump();
    return ended;
  }

  /** As `stop`, but kills the children. */
  kill(): void {
    this.#brutal = true;
    this.#end({ kind: 'killed' });
    for (const entry of this.#entries) if (entry.state === 'stopping') entry.handle?.kill();
    this.#pump();
  }

  /**
   * Adds a child and starts it. Rejects when it can't be started; it is not added then.
   * @throws `ERR_MILLRACE_BAD_SPEC`, `ERR_MILLRACE_DUPLICATE_ID`, `ERR_MILLRACE_CHILD_START`, `ERR_MILLRACE_STOPPED`
   */
  startChild(child: ChildSpec<Start>): Promise<void> {
    return this.#call((resolve, reject) => this.#addAndStart(child, resolve, reject));
  }

  /** With `simple_one_for_one`: starts one more child from the template. Resolves to its id. */
  startOneMore(start: Start): Promise<string> {
    const template = this.#template;
    if (template === undefined)
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_UNSUPPORTED',
          `supervisor ${this.path} is ${this.#strategy}: give startChild a whole spec`,
        ),
      );
    const id = `${template.id}-${++this.#dynamic}`;
    return this.#call<void>((resolve, reject) =>
      this.#addAndStart({ ...template, id, start }, resolve, reject),
    ).then(() => id);
  }

  /** Stops a child, for good: only `restartChild`, or the restart of its group, starts it again. */
  terminateChild(id: string): Promise<void> {
    return this.#call((resolve, reject) => this.#terminate(id, resolve, reject));
  }

  /** Starts a child that is down. */
  restartChild(id: string): Promise<void> {
    return this.#call((resolve, reject) => this.#startAgain(id, resolve, reject));
  }

  /** Forgets a child that is down. */
  deleteChild(id: string): Promise<void> {
    return this.#call((resolve, reject) => this.#delete(id, resolve, reject));
  }

  /** The children in order of their start. */
  children(): readonly ChildInfo[] {
    return this.#entries.map(({ spec: { id, type }, state, incarnation, restarts }) => ({
      id,
      type,
      state,
      incarnation,
      restarts,
    }));
  }

  count(): ChildCounts {
    const supervisors = this.#entries.filter(({ spec }) => spec.type === 'supervisor').length;
    return {
      specs: this.#template === undefined ? this.#entries.length : 1,
      active: this.#entries.filter(({ state }) => state === 'up' || state === 'stopping').length,
      supervisors,
      workers: this.#entries.length - supervisors,
    };
  }

  /** A child's spec, with defaults filled in. */
  childSpec(id: string): ResolvedChild<Start> | undefined {
    return (
      this.#entries.find(({ spec }) => spec.id === id)?.spec ??
      (this.#template?.id === id ? this.#template : undefined)
    );
  }

  // ---- the machine

  #command(command: Command): void {
    if (this.#state === 'stopping' || this.#state === 'ended') command.refuse?.();
    else this.#mailbox.push(command);
    this.#pump();
  }

  #call<T>(
    run: (resolve: (value: T) => void, reject: (error: unknown) => void) => Operation,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#command({
        run: () => run(resolve, reject),
        refuse: () =>
          reject(
            millraceError('ERR_MILLRACE_STOPPED', `supervisor ${this.path} is stopping`, {
              context: { actor: this.path },
            }),
          ),
      });
    });
  }

  /** Goes on for as long as something can. Called after every signal and command; not from within itself. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        if (this.#operation === undefined) {
          if (this.#ending !== undefined && this.#state !== 'ended') {
            if (this.#state === 'stopping') break;
            this.#state = 'stopping';
            this.#operation = this.#stopAll();
          } else {
            this.#operation = this.#mailbox.shift()?.run();
          }
          if (this.#operation === undefined) break;
        }
        // A signal that comes from within shows at the next look: nothing is lost between two of them.
        this.#signalled = false;
        if (this.#operation.next().done) this.#operation = undefined;
        else if (!this.#signalled) break;
      }
    } finally {
      this.#pumping = false;
    }
  }
  #signalled = false;

  #signal(): void {
    this.#signalled = true;
    this.#pump();
  }

  #end(reason: ExitReason, blamed?: Blamed): void {
    if (this.#state === 'ended' || this.#ending !== undefined) return;
    this.#ending = { reason, ...(blamed === undefined ? {} : { blamed }) };
    this.#signalled = true;
  }

  // ---- operations

  *#startAll(): Operation {
    for (const entry of this.#entries.slice()) {
      if (yield* this.#startOne(entry)) continue;
      if (this.#ending !== undefined) return;
      if (this.#options.spec.onStartFailure === 'restart') {
        yield* this.#restart(entry);
        continue;
      }
      const { id } = entry.spec;
      this.#end(
        { kind: 'shutdown', detail: `failed_to_start_child: ${id}: ${describe(entry.reason)}` },
        { id, reason: entry.reason },
      );
      return;
    }
    if (this.#ending === undefined) this.#options.onStarted?.();
  }

  *#stopAll(): Operation {
    for (const each of this.#pending) each.timer?.cancel();
    this.#pending.clear();
    if (this.#template === undefined) {
      for (const entry of this.#entries.toReversed()) yield* this.#stopOne(entry);
    } else {
      for (const entry of this.#entries) this.#beginStop(entry);
      for (const entry of this.#entries) yield* this.#stopOne(entry);
    }
    for (const command of this.#mailbox.splice(0)) command.refuse?.();
    this.#state = 'ended';
    const { reason, blamed } = this.#ending!;
    this.#options.onExit?.(reason, blamed);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** False when it could not be started: it is down then, and `reason` says why. */
  *#startOne(entry: Entry<Start>): Generator<void, boolean, void> {
    if (this.#ending !== undefined) return false;
    this.#begin(entry);
    while (entry.state === 'starting') {
      if (this.#ending !== undefined) {
        yield* this.#stopOne(entry);
        return false;
      }
      yield;
    }
    if (
      entry.state === 'ignored' &&
      (entry.spec.restart === 'temporary' || this.#template !== undefined)
    )
      this.#drop(entry);
    return entry.state !== 'down';
  }

  *#stopOne(entry: Entry<Start>): Generator<void, void, void> {
    this.#beginStop(entry);
    while (entry.state === 'stopping') yield;
    // Whoever waits for a restart, or was never there, is down now.
    this.#detach(entry);
    entry.died = false;
    entry.state = 'down';
  }

  *#died(entry: Entry<Start>): Operation {
    if (!entry.died || !this.#entries.includes(entry)) return;
    entry.died = false;
    const { spec, reason } = entry;
    if (restarts(spec.restart, reason)) {
      yield* this.#restart(entry);
      return;
    }
    if (spec.restart === 'temporary' || this.#template !== undefined) this.#drop(entry);
    if (spec.significant) this.#perhapsEnd(entry);
  }

  /** A significant child ended for good. */
  #perhapsEnd(entry: Entry<Start>): void {
    const { autoShutdown } = this.#options.spec;
    const others =
      autoShutdown === 'any_significant'
        ? []
        : this.#entries.filter((each) => each.spec.significant && isAlive(each.state));
    if (others.length > 0) return;
    const { id } = entry.spec;
    this.#end(
      { kind: 'shutdown', detail: `auto_shutdown: significant child ${id} ended` },
      { id, reason: entry.reason },
    );
  }

  /** Counts the death, stops who shares its fate, and lets the restart come through the mailbox. */
  *#restart(entry: Entry<Start>): Operation {
    if (!this.#mayRestart(entry)) return;
    const group = this.#groupOf(entry);
    for (const each of group.toReversed()) {
      if (each !== entry) yield* this.#stopOne(each);
      if (this.#ending !== undefined) return;
    }
    // A temporary child never comes back, also not through a sibling.
    const members = group.filter((each) => each.spec.restart !== 'temporary');
    for (const each of group) if (each.spec.restart === 'temporary') this.#drop(each);
    const delayMs = entry.deaths++ === 0 && entry.spec.restartAtOnce ? 0 : entry.backoff.next();
    const { path } = this;
    this.#options.onEvent?.({
      type: 'restarting',
      path: `${path}/${entry.spec.id}`,
      delayMs,
      restarts: entry.intensity.count,
      maxRestarts: entry.intensity.maxRestarts,
    });
    for (const each of members) {
      this.#detach(each);
      each.state = 'waiting';
    }
    const due = (): void => this.#command({ run: () => this.#startGroup(pending) });
    const pending: PendingRestart<Start> = {
      members: new Set(members),
      timer: delayMs === 0 ? undefined : this.#options.env.clock.after(delayMs, due),
    };
    this.#pending.add(pending);
    if (delayMs === 0) due();
  }

  *#startGroup(pending: PendingRestart<Start>): Operation {
    if (!this.#pending.delete(pending)) return;
    // In the order of the spec; meanwhile somebody may have taken one out.
    for (const entry of this.#entries.filter((each) => pending.members.has(each))) {
      entry.restarts++;
      if (yield* this.#startOne(entry)) continue;
      if (this.#ending !== undefined) return;
      // Those behind it have not been started; they wait for it, or go on without it.
      const rest = this.#entries.filter(
        (each) => pending.members.has(each) && each.state === 'waiting',
      );
      for (const each of rest) each.state = 'down';
      yield* this.#restart(entry);
      return;
    }
  }

  *#addAndStart(
    child: ChildSpec<Start>,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): Operation {
    let entry: Entry<Start>;
    try {
      checkChild(child, this.#options.spec, this.path);
      const known = this.#entries.find(({ spec }) => spec.id === child.id);
      if (known !== undefined) {
        throw millraceError(
          'ERR_MILLRACE_DUPLICATE_ID',
          `${this.path} has a child ${child.id} already, which is ${known.state}`,
          { context: { actor: `${this.path}/${child.id}`, state: known.state } },
        );
      }
      entry = this.#entry(child);
    } catch (error) {
      reject(error);
      return;
    }
    this.#entries.push(entry);
    if (yield* this.#startOne(entry)) {
      resolve();
      return;
    }
    this.#drop(entry);
    reject(this.#notStarted(entry));
  }

  *#terminate(id: string, resolve: () => void, reject: (error: unknown) => void): Operation {
    const entry = this.#find(id, reject);
    if (entry === undefined) return;
    yield* this.#stopOne(entry);
    if (entry.spec.restart === 'temporary' || this.#template !== undefined) this.#drop(entry);
    resolve();
  }

  *#startAgain(id: string, resolve: () => void, reject: (error: unknown) => void): Operation {
    const entry = this.#find(id, reject, 'down');
    if (entry === undefined) return;
    if (yield* this.#startOne(entry)) resolve();
    else reject(this.#notStarted(entry));
  }

  // oxlint-disable-next-line require-yield -- all operations are generators
  *#delete(id: string, resolve: () => void, reject: (error: unknown) => void): Operation {
    const entry = this.#find(id, reject, 'down');
    if (entry === undefined) return;
    this.#drop(entry);
    resolve();
  }

  // ---- children

  #entry(child: ChildSpec<Start>): Entry<Start> {
    const spec = resolveChild(child);
    return {
      spec,
      intensity: new RestartIntensity(this.#limits(), spec.backoff),
      backoff: new Backoff(spec.backoff, this.#options.env.random),
      state: 'down',
      incarnation: 0,
      restarts: 0,
      deaths: 0,
      reason: NORMAL,
      counted: true,
      died: false,
      handle: undefined,
      timer: undefined,
    };
  }

  #limits(): { maxRestarts?: number; withinMs?: number } {
    const { maxRestarts, withinMs } = this.#options.spec;
    return {
      ...(maxRestarts === undefined ? {} : { maxRestarts }),
      ...(withinMs === undefined ? {} : { withinMs }),
    };
  }

  #groupOf(entry: Entry<Start>): readonly Entry<Start>[] {
    switch (this.#strategy) {
      case 'one_for_one':
      case 'simple_one_for_one':
        return [entry];
      case 'one_for_all':
        return [...this.#entries];
      case 'rest_for_one':
        return this.#entries.slice(this.#entries.indexOf(entry));
      default:
        return this.#strategy satisfies never;
    }
  }

  #mayRestart(entry: Entry<Start>): boolean {
    if (!entry.counted) return true;
    const now = this.#options.env.clock.monotonic();
    const child = entry.intensity.record(now);
    const whole = this.#whole.record(now);
    if (child === 'ok' && whole === 'ok') return true;
    const { id } = entry.spec;
    const limit = child === 'ok' ? this.#whole : entry.intensity;
    const who =
      child === 'ok' ? `all children of ${this.path}, ${id} the last of them` : `child ${id}`;
    const detail = `reached_max_restarts: ${who}: ${limit.maxRestarts} restarts in ${limit.withinMs} ms`;
    this.#options.onEvent?.({ type: 'gaveUp', path: this.path, detail });
    this.#end({ kind: 'shutdown', detail }, { id, reason: entry.reason });
    return false;
  }

  #begin(entry: Entry<Start>): void {
    this.#detach(entry);
    const incarnation = ++entry.incarnation;
    const { id, startTimeoutMs } = entry.spec;
    const path = `${this.path}/${id}`;
    entry.state = 'starting';
    if (startTimeoutMs !== Infinity) {
      entry.timer = this.#options.env.clock.after(startTimeoutMs, () => {
        entry.reason = {
          kind: 'bootstrap',
          error: toWire(
            millraceError(
              'ERR_MILLRACE_BOOTSTRAP',
              `${path} has not started within ${startTimeoutMs} ms`,
              { context: { actor: path } },
            ),
          ),
        };
        entry.handle?.kill();
      });
    }
    const isThis = (): boolean => entry.incarnation === incarnation;
    const life: Life = {
      started: () => {
        if (!isThis() || entry.state !== 'starting') return;
        entry.timer?.cancel();
        entry.state = 'up';
        this.#options.onEvent?.({ type: 'started', path, incarnation });
        this.#signal();
      },
      ignored: () => {
        if (!isThis() || entry.state !== 'starting') return;
        entry.timer?.cancel();
        entry.handle = undefined;
        entry.state = 'ignored';
        this.#signal();
      },
      progress: () => {
        if (!isThis() || entry.state !== 'up') return;
        entry.deaths = 0;
        entry.backoff.reset();
        this.#options.onProgress?.();
      },
      exited: (reason, counted = true) => {
        if (
          isThis() &&
          (entry.state === 'starting' || entry.state === 'up' || entry.state === 'stopping')
        )
          this.#exited(entry, reason, counted);
      },
    };
    entry.reason = NORMAL;
    entry.died = false;
    try {
      entry.handle =
        entry.spec.supervisor === undefined
          ? this.#options.host.start({ id, path, start: entry.spec.start!, incarnation }, life)
          : this.#nested(entry.spec.supervisor, path, life);
    } catch (error) {
      life.exited({ kind: 'error', error: toWire(error) });
    }
  }

  #exited(entry: Entry<Start>, reason: ExitReason, counted: boolean): void {
    const before = entry.state;
    entry.timer?.cancel();
    entry.handle = undefined;
    entry.counted = counted;
    // A start that was given up has its reason already.
    if (!(before === 'starting' && entry.reason.kind === 'bootstrap')) entry.reason = reason;
    entry.state = 'down';
    const {
      incarnation,
      spec: { id },
    } = entry;
    this.#options.onEvent?.({
      type: 'exited',
      path: `${this.path}/${id}`,
      incarnation,
      reason: entry.reason,
    });
    if (before === 'up') {
      entry.died = true;
      this.#command({ run: () => this.#died(entry) });
    } else {
      this.#signal();
    }
  }

  #beginStop(entry: Entry<Start>): void {
    if (entry.state !== 'up' && entry.state !== 'starting') return;
    entry.timer?.cancel();
    entry.state = 'stopping';
    const {
      handle,
      spec: { shutdownMs },
    } = entry;
    if (this.#brutal || shutdownMs === 'brutal') {
      handle?.kill();
      return;
    }
    if (shutdownMs !== 'infinity')
      entry.timer = this.#options.env.clock.after(shutdownMs, () => handle?.kill());
    handle?.stop();
  }

  /** Takes it out of the restarts that are to come. */
  #detach(entry: Entry<Start>): void {
    for (const pending of this.#pending) {
      if (!pending.members.delete(entry) || pending.members.size > 0) continue;
      pending.timer?.cancel();
      this.#pending.delete(pending);
    }
  }

  #drop(entry: Entry<Start>): void {
    this.#detach(entry);
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  #find(
    id: string,
    reject: (error: unknown) => void,
    state?: ChildState,
  ): Entry<Start> | undefined {
    const path = `${this.path}/${id}`;
    const entry = this.#entries.find(({ spec }) => spec.id === id);
    if (entry === undefined)
      reject(
        millraceError('ERR_MILLRACE_NO_SUCH_CHILD', `${this.path} has no child ${id}`, {
          context: { actor: path },
        }),
      );
    else if (state !== undefined && entry.state !== state && entry.state !== 'ignored') {
      reject(
        millraceError(
          'ERR_MILLRACE_BAD_TRANSITION',
          `${path} is ${entry.state}, and must be ${state} for this`,
          { context: { actor: path, state: entry.state } },
        ),
      );
      return undefined;
    }
    return entry;
  }

  #notStarted(entry: Entry<Start>): Error {
    const {
      reason,
      spec: { id },
    } = entry;
    return millraceError(
      'ERR_MILLRACE_CHILD_START',
      `${this.path}/${id} could not be started: ${describe(reason)}`,
      {
        context: { actor: `${this.path}/${id}`, reason },
        ...('error' in reason ? { cause: fromWire(reason.error) } : {}),
      },
    );
  }

  #nested(spec: SupervisorSpec<Start>, path: string, life: Life): ChildHandle {
    const { env, host, onEvent } = this.#options;
    const nested = new Supervisor<Start>({
      env,
      host,
      spec,
      path,
      ...(onEvent === undefined ? {} : { onEvent }),
      onStarted: () => life.started(),
      onExit: (reason) => life.exited(reason),
      onProgress: () => life.progress(),
    });
    nested.start();
    return { stop: () => void nested.stop(), kill: () => nested.kill() };
  }
}

function isAlive(state: ChildState): boolean {
  return state !== 'down' && state !== 'ignored';
}
