/**
 * The source side of `run.input(name).push(records)`: the embedding process hands records over, and learns that they
 * were accepted when they lie in an edge. A full edge makes `push` wait: that is the backpressure.
 *
 * I1  Records enter in the order of the calls.
 * I2  Each `push` settles: when all its records are accepted, or with an error when they can't be.
 */
import { millraceError } from '../errors.ts';
import type { Source, SourceContext } from './source.ts';

interface Push {
  readonly rows: readonly unknown[];
  readonly accepted: () => void;
  readonly refused: (error: unknown) => void;
}

export class InputSource implements Source {
  readonly #waiting: Push[] = [];
  #context: SourceContext | undefined;
  #ended = false;
  #blocked = false;
  #drained: (() => void) | undefined;

  open(context: SourceContext): void {
    this.#context = context;
    this.#blocked = false;
    context.state('connected');
    this.#send();
  }

  /**
   * Resolves when the records are accepted.
   * @throws ERR_MILLRACE_STOPPED when the run takes no more in
   */
  push(records: readonly unknown[]): Promise<void> {
    if (this.#ended) return Promise.reject(stopped());
    return new Promise((accepted, refused) => {
      this.#waiting.push({ rows: records, accepted, refused });
      if (!this.#blocked) this.#send();
    });
  }

  resume(): void {
    this.#blocked = false;
    this.#send();
  }

  /** What was pushed before is still accepted. */
  close(): Promise<void> {
    this.#ended = true;
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (!this.#blocked) this.#send();
    });
  }

  abandon(): void {
    this.#ended = true;
    this.#context = undefined;
    for (const push of this.#waiting.splice(0)) push.refused(stopped());
    this.#drained?.();
  }

  #send(): void {
    const context = this.#context;
    if (context === undefined) return;
    for (let push = this.#waiting[0]; push !== undefined; push = this.#waiting[0]) {
      try {
        if (push.rows.length > 0 && !context.sendRows(push.rows)) {
          this.#blocked = true;
          return;
        }
        push.accepted();
      } catch (error) {
        // A record that no edge can carry: the caller hears of it, the others go on.
        push.refused(error);
      }
      this.#waiting.shift();
    }
    if (this.#drained !== undefined) {
      this.#context = undefined;
      context.state('ended');
      this.#drained();
      this.#drained = undefined;
    }
  }
}

function stopped(): Error {
  return millraceError(
    'ERR_MILLRACE_STOPPED',
    'push: the run takes in no more records, it stops or has stopped',
  );
}
