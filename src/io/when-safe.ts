/**
 * Promises to those who wait until what they gave is safe (`SourceContext.safe`). Belongs to one source, on its thread.
 *
 * I1  Each of them settles: when it is safe, or when the source is given up.
 */
export class WhenSafe {
  readonly #open = new Set<(error: Error) => void>();
  #settled: (() => void)[] = [];

  /** @param safe undefined: it is safe already */
  settle(
    safe: Promise<void> | undefined,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): void {
    if (safe === undefined) {
      resolve();
      return;
    }
    this.#open.add(reject);
    void safe.then(() => {
      if (!this.#open.delete(reject)) return;
      resolve();
      this.#tell();
    });
  }

  /** Resolves when nobody waits any more. */
  allSettled(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Nobody will know whether it is safe. */
  abandon(error: Error): void {
    for (const reject of this.#open) reject(error);
    this.#open.clear();
    this.#tell();
  }

  #tell(): void {
    if (this.#open.size > 0) return;
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
