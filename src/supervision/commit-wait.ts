/**
 * How far the sinks have committed what is durable, and who waits for it: the job ends only when its stores have all.
 * Belongs to the coordinator.
 *
 *   last barrier held ─▶ durable (manifest) ─▶ tasks commit ─▶ each says `committed` ─▶ the job is over
 *
 * I1  What is committed stays so, whatever epoch it was in.
 */
import type { Wiring } from '../actors/wiring.ts';

export class CommitWait {
  /** Tasks that commit, with the newest barrier up to which they have. */
  readonly #committed: Map<number, number>;
  #waiting: { readonly barrier: number; readonly call: () => void } | undefined;

  constructor({ tasks }: Wiring) {
    this.#committed = new Map(
      tasks.filter(({ commits }) => commits === true).map(({ id }) => [id, 0]),
    );
  }

  /** Nothing in the job commits. */
  get isNeedless(): boolean {
    return this.#committed.size === 0;
  }

  committed(task: number, barrier: number): void {
    this.#committed.set(task, Math.max(barrier, this.#committed.get(task) ?? 0));
    this.#look();
  }

  /** Calls, perhaps at once, when all tasks have committed what that barrier made durable. */
  when(barrier: number, then: () => void): void {
    this.#waiting = { barrier, call: then };
    this.#look();
  }

  /** Tasks that have not. */
  behind(barrier: number): readonly number[] {
    return [...this.#committed].flatMap(([task, newest]) => (newest < barrier ? [task] : []));
  }

  #look(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.behind(waiting.barrier).length > 0) return;
    this.#waiting = undefined;
    waiting.call();
  }
}
