/** How often the threads of a job may die before putting new ones in their places is no cure. */
import type { Clock } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import type { CoordinatorPolicy } from '../supervision/coordinator.ts';
import { RestartIntensity } from '../supervision/intensity.ts';
import type { ThreadRole } from './engine.ts';

export class ThreadLimits {
  readonly #clock: Clock;
  readonly #policy: CoordinatorPolicy;
  /** By the thread's place. */
  readonly #intensity = new Map<object, RestartIntensity>();

  constructor(clock: Clock, policy: CoordinatorPolicy) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** Counts a death. Gives an error when it was one too many. */
  died(place: object, role: ThreadRole, lastExit: string | undefined): Error | undefined {
    let intensity = this.#intensity.get(place);
    if (intensity === undefined) this.#intensity.set(place, (intensity = this.#limitOf(role)));
    if (intensity.record(this.#clock.monotonic()) === 'ok') return undefined;
    return millraceError(
      'ERR_MILLRACE_REACHED_MAX_RESTARTS',
      `the thread of the ${role} died too often; last of: ${lastExit}`,
      { context: { role } },
    );
  }

  /** A worker's deaths are the region's, which the coordinator counts; here only what never comes up is caught. */
  #limitOf(role: ThreadRole): RestartIntensity {
    const { maxRestarts, withinMs, onPoison, maxPoisonPerMin = 0 } = this.#policy;
    const poison =
      onPoison === 'quarantine' ? 4 * maxPoisonPerMin * Math.ceil(withinMs / 60_000) : 0;
    return new RestartIntensity({
      maxRestarts: role === 'worker' ? maxRestarts * 3 + 3 + poison : maxRestarts,
      withinMs,
    });
  }
}
