/**
 * Puts what workers say about batches into the order in which they came to it. Belongs to the embedding thread, which
 * hears each worker by a port of its own; between ports there is no order, and this thread may have been away for long.
 *
 *   worker 1, epoch 4   ── batch 7 ──▶ port 1, not yet read
 *   coordinator            7 is held; worker 1 dies; epoch 5 goes on behind 7 on worker 2
 *   worker 2, epoch 5   ── batch 8 ──▶ port 2, read first
 *
 * Whatever was said in an older epoch and counts was posted before a newer epoch began, so it waits in some port when
 * the newer one's first word is heard. That word waits until all ports have been read.
 *
 * I1  Words of one epoch are handled before those of a newer one; words of one port in their order.
 * I2  The port of a worker that was given up but may not be dead stays open: until the coordinator hears of it, what the
 *     worker does may still count.
 */
export interface EpochPort {
  /** Receives what has arrived, at once. */
  poll(): unknown;
  close(): void;
}

interface Word {
  readonly epoch: number;
  readonly handle: () => void;
}

export class EpochOrder {
  #epoch = 0;
  #ports = new Set<EpochPort>();
  /** While ports are read: what came of it. */
  #gathered: Word[] | undefined;

  add(port: EpochPort): void {
    this.#ports.add(port);
  }

  /** Its thread is dead, or (`lost`) was given up: what it said before still counts. */
  gone(port: EpochPort, lost: boolean): void {
    port.poll();
    if (lost) return;
    this.#ports.delete(port);
    port.close();
  }

  /** Of every message about a batch, by whichever port: calls `handle`, now or within the same turn. */
  hear(epoch: number, handle: () => void): void {
    if (this.#gathered !== undefined) this.#gathered.push({ epoch, handle });
    else if (epoch <= this.#epoch) handle();
    else this.#begin({ epoch, handle });
  }

  /** The run has ended. */
  close(): void {
    for (const port of this.#ports) this.gone(port, false);
  }

  #begin(first: Word): void {
    const words = (this.#gathered = [first]);
    try {
      while (words.length > 0) {
        // Newer ones that come meanwhile wait for another reading: theirs may have begun during this one.
        const epoch = Math.min(...words.map((word) => word.epoch));
        for (const port of this.#ports) port.poll();
        const due = words.filter((word) => word.epoch <= epoch).sort((a, b) => a.epoch - b.epoch);
        words.splice(0, words.length, ...words.filter((word) => word.epoch > epoch));
        this.#epoch = Math.max(this.#epoch, epoch);
        for (const word of due) word.handle();
      }
    } finally {
      this.#gathered = undefined;
    }
  }
}
