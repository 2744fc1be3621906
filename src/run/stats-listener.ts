/**
 * Spark's `StatsReportListener`: after each batch a line each for how total delays and processing delays of the newest
 * batches are distributed.
 */
import type { BatchCompletedEvent } from './batch-events.ts';
import type { StreamingListener } from './listeners.ts';

const QUANTILES = [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1];

/** A listener that writes the distribution of delays of the newest batches after each batch. */
export class StatsReportListener implements StreamingListener {
  readonly #numBatches: number;
  readonly #write: (text: string) => void;
  #batches: BatchCompletedEvent[] = [];

  /**
   * @param numBatches how many batches count. @default 10
   * @param write where the text goes. @default standard output
   */
  constructor(numBatches = 10, write: (text: string) => void = writeLine) {
    this.#numBatches = numBatches;
    this.#write = write;
  }

  onBatchCompleted(event: BatchCompletedEvent): void {
    this.#batches.push(event);
    if (this.#batches.length > this.#numBatches) this.#batches.shift();
    this.#report('Total delay', (batch) => batch.totalDelay);
    this.#report('Processing time', (batch) => batch.processingDelay);
  }

  #report(title: string, of: (batch: BatchCompletedEvent) => number): void {
    const sorted = this.#batches.map(of).sort((a, b) => a - b);
    const at = (quantile: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!;
    const heads = QUANTILES.map((quantile) => `${quantile * 100}%`);
    const values = QUANTILES.map((quantile) => `${at(quantile)} ms`);
    const widths = heads.map((head, i) => Math.max(head.length, values[i]!.length));
    const line = (cells: readonly string[]): string =>
      cells.map((cell, i) => cell.padStart(widths[i]!)).join('  ');
    this.#write(
      `${title} of the newest ${sorted.length} batches:\n${line(heads)}\n${line(values)}`,
    );
  }
}

function writeLine(text: string): void {
  process.stdout.write(`${text}\n`);
}
