/**
 * When what is held will outlive what the job promises to survive. Belongs to the coordinator.
 *
 *   without a checkpoint directory   at once: the promise is about threads
 *   with one                         when the manifest of a checkpoint has its name (`checkpointer.ts`)
 *
 * I1  `onDurable` is called with ascending barriers, each of which was held.
 * I2  A hand-over file is removed only here, when neither the held point nor any manifest that is kept names it.
 */
import type { Barrier } from '../../actors/block.ts';
import type { HeldPoint } from '../held-index.ts';

export interface Durability {
  /** A point is held and in the index. `obsolete`: files that it doesn't need and the one before did. */
  held(point: HeldPoint, barrier: Barrier, epoch: number, obsolete: readonly string[]): void;
  /** Resolves when the newest held point is durable, or it has been given up (`stop`). The drain waits for it. */
  finish(): Promise<void>;
  /** Number of the newest durable barrier. */
  readonly barrier: number;
  /** Paths that manifests need. */
  needed(): ReadonlySet<string>;
  stop(): void;
}
