/** Children for tests of supervisors: they do what the test says, in virtual time. */
import type { ExitReason } from '../../src/actors/exit.ts';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { toWire } from '../../src/errors.ts';
import type { SupervisorSpec } from '../../src/supervision/child-spec.ts';
import {
  Supervisor,
  type Blamed,
  type ChildHost,
  type Life,
  type StartedChild,
  type SupervisorEvent,
} from '../../src/supervision/supervisor.ts';

/** What a child does: by default it starts and stops at once. */
export interface Behaviour {
  /** `up`, or an error text, or `ignore`, or `never`; a function is asked at each start. */
  start?: string | ((incarnation: number) => string);
  startMs?: number;
  /** How long a stop takes; Infinity for one that never obeys. */
  stopMs?: number;
}

export const CRASH: ExitReason = { kind: 'error', error: toWire(new Error('crash')) };
export const NORMAL: ExitReason = { kind: 'normal' };
export const SHUTDOWN: ExitReason = { kind: 'shutdown' };

export class World implements ChildHost<Behaviour> {
  readonly clock: VirtualClock = new VirtualClock();
  /** `start a`, `up a`, `stop a`, `kill a`, `end a: killed`, in order. */
  readonly log: string[] = [];
  readonly events: SupervisorEvent[] = [];
  readonly ended: { reason: ExitReason; blamed: Blamed | undefined; atMs: number }[] = [];
  startedTimes = 0;
  #lives = new Map<string, { life: Life; ended: boolean; incarnation: number }>();

  supervisor(spec: SupervisorSpec<Behaviour>, start = true): Supervisor<Behaviour> {
    const chance = new Pcg32(1);
    const supervisor = new Supervisor<Behaviour>({
      env: { clock: this.clock, random: () => chance.float() },
      host: this,
      spec,
      path: 'top',
      onStarted: () => void this.startedTimes++,
      onExit: (reason, blamed) =>
        void this.ended.push({ reason, blamed, atMs: this.clock.monotonic() }),
      onEvent: (event) => void this.events.push(event),
    });
    if (start) supervisor.start();
    return supervisor;
  }

  start(
    { path, start, incarnation }: StartedChild<Behaviour>,
    life: Life,
  ): { stop(): void; kill(): void } {
    const name = path.replace(/^top\//, '');
    const { startMs = 0, stopMs = 0 } = start;
    const what =
      (typeof start.start === 'function' ? start.start(incarnation) : start.start) ?? 'up';
    const self = { life, ended: false, incarnation };
    this.#lives.set(name, self);
    const end = (reason: ExitReason): void => {
      if (self.ended) return;
      self.ended = true;
      this.log.push(`end ${name}: ${reason.kind}`);
      life.exited(reason);
    };
    this.log.push(`start ${name}`);
    const begin = (): void => {
      if (self.ended) return;
      if (what === 'up') {
        this.log.push(`up ${name}`);
        life.started();
      } else if (what === 'ignore') {
        life.ignored();
      } else if (what !== 'never') {
        end({ kind: 'error', error: toWire(new Error(what)) });
      }
    };
    if (startMs === 0) begin();
    else this.clock.after(startMs, begin);
    return {
      stop: () => {
        this.log.push(`stop ${name}`);
        if (stopMs === 0) end(SHUTDOWN);
        else if (stopMs !== Infinity) this.clock.after(stopMs, () => end(SHUTDOWN));
      },
      kill: () => {
        this.log.push(`kill ${name}`);
        end({ kind: 'killed' });
      },
    };
  }

  /** The child ends by itself. */
  die(name: string, reason: ExitReason = CRASH, counted = true): void {
    const self = this.#lives.get(name)!;
    self.ended = true;
    self.life.exited(reason, counted);
  }

  progress(name: string): void {
    this.#lives.get(name)!.life.progress();
  }

  isUp(name: string): boolean {
    return this.#lives.get(name)?.ended === false;
  }

  incarnation(name: string): number {
    return this.#lives.get(name)?.incarnation ?? 0;
  }

  /** What was logged since the last look. */
  take(): string[] {
    return this.log.splice(0);
  }
}
