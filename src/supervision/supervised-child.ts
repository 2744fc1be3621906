/**
 * One child of a supervisor: its present life, what it is at, and what its past counts for. Belongs to the supervisor,
 * which decides; this file only does, and keeps what the host says of an old life away.
 *
 *              started                    stop          exited
 *   starting ───────────▶ up ───────────────────▶ stopping ──▶ down ──▶ waiting ──▶ starting
 *      │ ignored           └── exited: it died ───────────────▶          (for its backoff)
 *      └──────▶ ignored
 *
 * I1  Each life has a number; what another one says is ignored.
 * I2  A child that is to end ends: it is killed at its deadline.
 */
import type { Env, Timer } from '../env/env.ts';
import { millraceError, toWire } from '../errors.ts';
import { Backoff } from './backoff.ts';
import type { ResolvedChild } from './child-spec.ts';
import type { ExitReason } from './exit-reason.ts';
import { RestartIntensity, type RestartIntensityOptions } from './intensity.ts';
import type { ChildHandle, ChildState, Life, SupervisorEvent } from './life.ts';

/** What the supervisor wants to know and gives. */
export interface Parent<Start> {
  readonly env: Pick<Env, 'clock' | 'random'>;
  /** Of the supervisor. */
  readonly path: string;
  readonly limits: RestartIntensityOptions;
  /** Starts that life, by the host or as a supervisor. */
  open(child: SupervisedChild<Start>, life: Life): ChildHandle;
  /** It ended by itself. */
  died(child: SupervisedChild<Start>): void;
  /** Its state has changed otherwise. */
  changed(): void;
  progress(): void;
  event(event: SupervisorEvent): void;
}

export class SupervisedChild<Start> {
  readonly spec: ResolvedChild<Start>;
  readonly path: string;
  readonly intensity: RestartIntensity;
  readonly backoff: Backoff;
  state: ChildState = 'down';
  /** Number of its life, from 1. */
  incarnation = 0;
  restarts = 0;
  /** Deaths since it made progress. */
  deaths = 0;
  /** How its last life ended. */
  reason: ExitReason = { kind: 'normal' };
  /** Whether that counts against the limits. */
  counted = true;
  /** It ended by itself, and nobody has dealt with that yet. */
  died = false;
  #parent: Parent<Start>;
  #handle: ChildHandle | undefined;
  #timer: Timer | undefined;

  constructor(parent: Parent<Start>, spec: ResolvedChild<Start>) {
    this.#parent = parent;
    this.spec = spec;
    this.path = `${parent.path}/${spec.id}`;
    this.intensity = new RestartIntensity(parent.limits, spec.backoff);
    this.backoff = new Backoff(spec.backoff, parent.env.random);
  }

  get isAlive(): boolean {
    return this.state !== 'down' && this.state !== 'ignored';
  }

  /** Begins its next life. */
  begin(): void {
    const incarnation = ++this.incarnation;
    const { startTimeoutMs } = this.spec;
    this.state = 'starting';
    this.reason = { kind: 'normal' };
    this.died = false;
    if (startTimeoutMs !== Infinity)
      this.#timer = this.#after(startTimeoutMs, () => this.#giveUpStart(startTimeoutMs));
    const life = this.#life(incarnation);
    try {
      const handle = this.#parent.open(this, life);
      // It may have ended before there was a handle.
      if (this.#isAt(incarnation, 'starting', 'up')) this.#handle = handle;
    } catch (error) {
      life.exited({ kind: 'error', error: toWire(error) });
    }
  }

  /** Asks it to end, if it lives; it is killed at its deadline. */
  stop(brutal: boolean): void {
    if (this.state !== 'up' && this.state !== 'starting') return;
    this.#timer?.cancel();
    this.state = 'stopping';
    const { shutdownMs } = this.spec;
    const handle = this.#handle;
    if (brutal || shutdownMs === 'brutal') {
      handle?.kill();
      return;
    }
    if (shutdownMs !== 'infinity') this.#timer = this.#after(shutdownMs, () => handle?.kill());
    handle?.stop();
  }

  kill(): void {
    this.#handle?.kill();
  }

  /** The delay before its next restart, in ms. */
  nextDelayMs(): number {
    return this.deaths++ === 0 && this.spec.restartAtOnce ? 0 : this.backoff.next();
  }

  #life(incarnation: number): Life {
    return {
      started: () => {
        if (!this.#isAt(incarnation, 'starting')) return;
        this.#timer?.cancel();
        this.state = 'up';
        this.#parent.event({ type: 'started', path: this.path, incarnation });
        this.#parent.changed();
      },
      ignored: () => {
        if (!this.#isAt(incarnation, 'starting')) return;
        this.#timer?.cancel();
        this.#handle = undefined;
        this.state = 'ignored';
        this.#parent.changed();
      },
      progress: () => {
        if (!this.#isAt(incarnation, 'up')) return;
        this.deaths = 0;
        this.backoff.reset();
        this.#parent.progress();
      },
      exited: (reason, counted = true) => {
        if (this.#isAt(incarnation, 'starting', 'up', 'stopping')) this.#exited(reason, counted);
      },
    };
  }

  #exited(reason: ExitReason, counted: boolean): void {
    const before = this.state;
    this.#timer?.cancel();
    this.#handle = undefined;
    this.counted = counted;
    // A start that was given up has its reason already.
    if (!(before === 'starting' && this.reason.kind === 'bootstrap')) this.reason = reason;
    this.state = 'down';
    this.#parent.event({
      type: 'exited',
      path: this.path,
      incarnation: this.incarnation,
      reason: this.reason,
    });
    this.died = before === 'up';
    if (this.died) this.#parent.died(this);
    else this.#parent.changed();
  }

  #giveUpStart(startTimeoutMs: number): void {
    const error = millraceError(
      'ERR_MILLRACE_BOOTSTRAP',
      `${this.path} has not started within ${startTimeoutMs} ms`,
      { context: { actor: this.path } },
    );
    this.reason = { kind: 'bootstrap', error: toWire(error) };
    this.#handle?.kill();
  }

  #isAt(incarnation: number, ...states: readonly ChildState[]): boolean {
    return this.incarnation === incarnation && states.includes(this.state);
  }

  #after(ms: number, run: () => void): Timer {
    return this.#parent.env.clock.after(ms, run);
  }
}
