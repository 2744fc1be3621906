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
import type { Env } from '../env/env.ts';
import { millraceError } from '../errors.ts';
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
import type {
  Blamed,
  ChildCounts,
  ChildHandle,
  ChildHost,
  ChildInfo,
  ChildState,
  Life,
  SupervisorEvent,
} from './life.ts';
import { type Command, type Operation, Operations } from './operations.ts';
import { type PendingRestart, PendingRestarts } from './pending-restarts.ts';
import { SupervisedChild, type Parent } from './supervised-child.ts';
import { duplicateId, noSuchChild, notStarted, wrongState } from './supervisor-errors.ts';

export type {
  Blamed,
  ChildCounts,
  ChildHandle,
  ChildHost,
  ChildInfo,
  ChildState,
  Life,
  StartedChild,
  SupervisorEvent,
} from './life.ts';

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

const SHUTDOWN: ExitReason = { kind: 'shutdown' };
/** The supervisor as a whole may restart so many times what a child may. */
const WHOLE = 3;

export class Supervisor<Start> {
  readonly path: string;
  #options: SupervisorOptions<Start>;
  #parent: Parent<Start>;
  #strategy: Strategy;
  #entries: SupervisedChild<Start>[] = [];
  #template: ResolvedChild<Start> | undefined;
  #whole: RestartIntensity;
  readonly #pending = new PendingRestarts<Start>();
  readonly #operations: Operations;
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
    this.#operations = new Operations(() => this.#first());
    this.#parent = this.#asParent();
    const maxRestarts = (spec.maxRestarts ?? 3) * WHOLE;
    this.#whole = new RestartIntensity({ ...this.#limits(), maxRestarts });
    if (this.#strategy === 'simple_one_for_one') this.#template = resolveChild(spec.children[0]!);
    else
      for (const child of spec.children)
        this.#entries.push(new SupervisedChild(this.#parent, resolveChild(child)));
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
    this.#operations.pump();
    return ended;
  }

  /** As `stop`, but kills the children. */
  kill(): void {
    this.#brutal = true;
    this.#end({ kind: 'killed' });
    for (const entry of this.#entries) if (entry.state === 'stopping') entry.kill();
    this.#operations.pump();
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
    else this.#operations.add(command);
    this.#operations.pump();
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

  /** Its end goes before all that waits, and nothing comes behind it. */
  #first(): Operation | 'nothing' | undefined {
    if (this.#ending === undefined || this.#state === 'ended') return undefined;
    if (this.#state === 'stopping') return 'nothing';
    this.#state = 'stopping';
    return this.#stopAll();
  }

  #end(reason: ExitReason, blamed?: Blamed): void {
    if (this.#state === 'ended' || this.#ending !== undefined) return;
    this.#ending = { reason, ...(blamed === undefined ? {} : { blamed }) };
    this.#operations.mark();
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
    this.#pending.clear();
    if (this.#template === undefined) {
      for (const entry of this.#entries.toReversed()) yield* this.#stopOne(entry);
    } else {
      for (const entry of this.#entries) entry.stop(this.#brutal);
      for (const entry of this.#entries) yield* this.#stopOne(entry);
    }
    this.#operations.refuseAll();
    this.#state = 'ended';
    const { reason, blamed } = this.#ending!;
    this.#options.onExit?.(reason, blamed);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** False when it could not be started: it is down then, and `reason` says why. */
  *#startOne(entry: SupervisedChild<Start>): Generator<void, boolean, void> {
    if (this.#ending !== undefined) return false;
    this.#pending.detach(entry);
    entry.begin();
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

  *#stopOne(entry: SupervisedChild<Start>): Generator<void, void, void> {
    entry.stop(this.#brutal);
    while (entry.state === 'stopping') yield;
    // Whoever waits for a restart, or was never there, is down now.
    this.#pending.detach(entry);
    entry.died = false;
    entry.state = 'down';
  }

  *#died(entry: SupervisedChild<Start>): Operation {
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
  #perhapsEnd(entry: SupervisedChild<Start>): void {
    const { autoShutdown } = this.#options.spec;
    const others =
      autoShutdown === 'any_significant'
        ? []
        : this.#entries.filter((each) => each.spec.significant && each.isAlive);
    if (others.length > 0) return;
    const { id } = entry.spec;
    this.#end(
      { kind: 'shutdown', detail: `auto_shutdown: significant child ${id} ended` },
      { id, reason: entry.reason },
    );
  }

  /** Counts the death, stops who shares its fate, and lets the restart come through the mailbox. */
  *#restart(entry: SupervisedChild<Start>): Operation {
    if (!this.#mayRestart(entry)) return;
    const group = this.#groupOf(entry);
    for (const each of group.toReversed()) {
      if (each !== entry) yield* this.#stopOne(each);
      if (this.#ending !== undefined) return;
    }
    // A temporary child never comes back, also not through a sibling.
    const members = group.filter((each) => each.spec.restart !== 'temporary');
    for (const each of group) if (each.spec.restart === 'temporary') this.#drop(each);
    const delayMs = entry.nextDelayMs();
    const { path } = this;
    this.#options.onEvent?.({
      type: 'restarting',
      path: `${path}/${entry.spec.id}`,
      delayMs,
      restarts: entry.intensity.count,
      maxRestarts: entry.intensity.maxRestarts,
    });
    for (const each of members) {
      this.#pending.detach(each);
      each.state = 'waiting';
    }
    this.#pending.add(members, delayMs, this.#options.env.clock, (pending) =>
      this.#command({ run: () => this.#startGroup(pending) }),
    );
  }

  *#startGroup(pending: PendingRestart<Start>): Operation {
    if (!this.#pending.take(pending)) return;
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
    let entry: SupervisedChild<Start>;
    try {
      checkChild(child, this.#options.spec, this.path);
      const known = this.#entries.find(({ spec }) => spec.id === child.id);
      if (known !== undefined) throw duplicateId(this.path, child.id, known.state);
      entry = new SupervisedChild(this.#parent, resolveChild(child));
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
    reject(notStarted(entry.path, entry.reason));
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
    else reject(notStarted(entry.path, entry.reason));
  }

  // oxlint-disable-next-line require-yield -- all operations are generators
  *#delete(id: string, resolve: () => void, reject: (error: unknown) => void): Operation {
    const entry = this.#find(id, reject, 'down');
    if (entry === undefined) return;
    this.#drop(entry);
    resolve();
  }

  // ---- children

  #asParent(): Parent<Start> {
    const { env, host, onEvent, onProgress } = this.#options;
    return {
      env,
      path: this.path,
      limits: this.#limits(),
      open: ({ spec, path, incarnation }, life) =>
        spec.supervisor === undefined
          ? host.start({ id: spec.id, path, start: spec.start!, incarnation }, life)
          : this.#nested(spec.supervisor, path, life),
      died: (child) => this.#command({ run: () => this.#died(child) }),
      changed: () => this.#operations.signal(),
      progress: () => onProgress?.(),
      event: (event) => onEvent?.(event),
    };
  }

  #limits(): { maxRestarts?: number; withinMs?: number } {
    const { maxRestarts, withinMs } = this.#options.spec;
    return {
      ...(maxRestarts === undefined ? {} : { maxRestarts }),
      ...(withinMs === undefined ? {} : { withinMs }),
    };
  }

  #groupOf(entry: SupervisedChild<Start>): readonly SupervisedChild<Start>[] {
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

  #mayRestart(entry: SupervisedChild<Start>): boolean {
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

  #drop(entry: SupervisedChild<Start>): void {
    this.#pending.detach(entry);
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  #find(
    id: string,
    reject: (error: unknown) => void,
    state?: ChildState,
  ): SupervisedChild<Start> | undefined {
    const entry = this.#entries.find(({ spec }) => spec.id === id);
    if (entry === undefined) reject(noSuchChild(this.path, id));
    else if (state !== undefined && entry.state !== state && entry.state !== 'ignored') {
      reject(wrongState(entry.path, entry.state, state));
      return undefined;
    }
    return entry;
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
