/**
 * When what is held will outlive what the job promises to survive. Belongs to the coordinator.
 *
 *   without a checkpoint directory   at once: the promise is about threads            (`at-once.ts`)
 *   with one                         when the manifest of a checkpoint has its name   (`checkpointer.ts`)
 *
 * I1  `durable` is called with ascending barriers, each of which was held.
 * I2  A hand-over file is removed only here, when neither the held point nor any manifest that is kept names it.
 * I3  A file of a sink gets its name only here, and only when the point that publishes it is durable. Until that is sure
 *     the points behind it carry the publication on (`unpublished`).
 * I4  Nothing here throws for a disk that refuses: it is tried again, and told of.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Publication } from '../../actors/task.ts';
import type { WireError } from '../../errors.ts';
import type { HeldPoint } from '../held-index.ts';

export interface Durability {
  /** Number of the newest durable barrier. */
  readonly barrier: number;
  /** Where a start of the process would begin at the earliest. */
  readonly oldest: number;
  /** What points have published and nobody is sure of yet. */
  readonly unpublished: readonly Publication[];
  /**
   * The first word. `then` is called, perhaps at once, when what an earlier life had made durable has its names: before
   * that no task may begin.
   * @param barrier that of the point; none at the start of a job
   * @param epoch newest one that may have begun before
   */
  begin(point: HeldPoint, barrier: Barrier | undefined, epoch: number, then: () => void): void;
  /** A point is held and in the index. `obsolete`: files that it doesn't need. */
  held(point: HeldPoint, barrier: Barrier, obsolete: readonly string[]): void;
  /** What is to be passed over has changed, and is in the index. `then` is called, perhaps at once, when that is durable. */
  decided(point: HeldPoint, then: () => void): void;
  /** Calls when the newest held point is durable and published. It is not, when this is stopped before. */
  finish(then: () => void): void;
  /** Calls with the number of a durable barrier at or behind the newest batch that is held now, which is not the start. */
  checkpoint(then: (barrier: number) => void): void;
  stop(): void;
}

/** What a durability tells the coordinator. */
export interface DurabilityEvents {
  /** Everything up to that barrier is durable. */
  durable(barrier: number): void;
  tell(
    event:
      | { readonly type: 'degraded'; readonly what: string; readonly error: WireError }
      | { readonly type: 'recovered'; readonly what: string },
  ): void;
}
