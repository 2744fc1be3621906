/**
 * Which reports of batches count, where a batch that runs again may come to something else: with timers, and where stages
 * have several inputs. Such a report waits until its barrier is held, since no recovery goes back behind that. Belongs to
 * the embedding thread.
 *
 *   worker, epoch 4    batch 7 ──▶ kept
 *   coordinator        7 is held ──▶ told     or     epoch 5 begins behind 6 ──▶ dropped; epoch 5 will report its own
 *
 * Reports and the coordinator's words come by different ports, in either order.
 *
 * I1  A report is told if and only if its barrier was held in the epoch in which it was made.
 * I2  Those of one output are told in the order in which they came.
 */
interface Kept {
  readonly epoch: number;
  readonly barrier: number;
  readonly tell: () => void;
}

/** Epochs of which a late report may still come. */
const EPOCHS_KEPT = 256;

export class WhenHeld {
  #epoch = 1;
  #held = 0;
  /** The barriers behind which epochs began, the oldest epoch first. */
  readonly #starts = new Map<number, number>();
  #kept: Kept[] = [];

  /** Of every report, by whichever port: calls `tell`, now, later, or never. */
  report(epoch: number, barrier: number, tell: () => void): void {
    if (this.#counts(epoch, barrier)) tell();
    else if (epoch >= this.#epoch) this.#kept.push({ epoch, barrier, tell });
  }

  /** The coordinator says that a batch is complete. */
  held(barrier: number): void {
    this.#held = Math.max(this.#held, barrier);
    this.#settle();
  }

  /** The coordinator says that an epoch began, behind a barrier that is held. */
  began(epoch: number, barrier: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#held = Math.max(this.#held, barrier);
    this.#starts.set(epoch, barrier);
    if (this.#starts.size > EPOCHS_KEPT) this.#starts.delete(this.#starts.keys().next().value!);
    this.#settle();
  }

  #settle(): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const { epoch, barrier, tell } of kept) this.report(epoch, barrier, tell);
  }

  #counts(epoch: number, barrier: number): boolean {
    if (epoch === this.#epoch) return barrier <= this.#held;
    for (const [next, start] of this.#starts) if (next > epoch) return barrier <= start;
    return false;
  }
}
