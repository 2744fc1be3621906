/** Restarts that are to come, each after its delay, with all that start together. Belongs to one supervisor. */
import type { Clock, Timer } from '../env/env.ts';
import type { SupervisedChild } from './supervised-child.ts';

export interface PendingRestart<Start> {
  readonly members: Set<SupervisedChild<Start>>;
  readonly timer: Timer | undefined;
}

export class PendingRestarts<Start> {
  readonly #pending = new Set<PendingRestart<Start>>();

  /** @param due called when its time has come; at once without a delay */
  add(
    members: readonly SupervisedChild<Start>[],
    delayMs: number,
    clock: Clock,
    due: (pending: PendingRestart<Start>) => void,
  ): void {
    const pending: PendingRestart<Start> = {
      members: new Set(members),
      timer: delayMs === 0 ? undefined : clock.after(delayMs, () => due(pending)),
    };
    this.#pending.add(pending);
    if (delayMs === 0) due(pending);
  }

  /** Its turn has come. False: it was called off. */
  take(pending: PendingRestart<Start>): boolean {
    return this.#pending.delete(pending);
  }

  /** Takes a child out of all of them. */
  detach(child: SupervisedChild<Start>): void {
    for (const pending of this.#pending) {
      if (!pending.members.delete(child) || pending.members.size > 0) continue;
      pending.timer?.cancel();
      this.#pending.delete(pending);
    }
  }

  clear(): void {
    for (const { timer } of this.#pending) timer?.cancel();
    this.#pending.clear();
  }
}
