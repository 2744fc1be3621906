/**
 * The source side of `run.input(name).push(records)`: the embedding process hands records over, and learns that they
 * were accepted when they lie in an edge, or on request when they outlive the process. A full edge makes `push` wait: that
 * is the backpressure.
 *
 * I1  Records enter in the order of the calls.
 * I2  Each `push` settles: when all its records are accepted, or with an error when they can't be.
 * I3  A durable one waits for the log's sync, which it shares with others, and for no barrier.
 */
import { millraceError } from '../errors.ts';
import type { Source, SourceContext } from './source.ts';
import { WhenSafe } from './when-safe.ts';

interface Push {
  readonly rows: readonly unknown[];
  readonly isDurable: boolean;
  readonly accepted: () => void;
  readonly refused: (error: unknown) => void;
}

export class InputSource implements Source {
  readonly #waiting: Push[] = [];
  #context: SourceContext | undefined;
  #ended = false;
  #blocked = false;
  #drained: (() => void) | undefined;
  /** On edges, and not yet safe. */
  readonly #unsafe = new WhenSafe();

  open(context: SourceContext): void {
    this.#context = context;
    this.#blocked = false;
    context.state('connected');
    this.#send();
  }

  /**
   * Resolves when the records are accepted.
   * @param isDurable when they outlive the process, if the job has a checkpoint directory
   * @throws ERR_MILLRACE_STOPPED when the run takes no more in
   */
  push(records: readonly unknown[], isDurable = false): Promise<void> {
    if (this.#ended) return Promise.reject(stopped());
    return new Promise((accepted, refused) => {
      this.#waiting.push({ rows: records, isDurable, accepted, refused });
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
    this.#unsafe.abandon(stopped());
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
        if (push.isDurable) this.#unsafe.settle(context.safe?.(), push.accepted, push.refused);
        else push.accepted();
      } catch (error) {
        // A record that no edge can carry: the caller hears of it, the others go on.
        push.refused(error);
      }
      this.#waiting.shift();
    }
    const drained = this.#drained;
    if (drained === undefined) return;
    this.#drained = undefined;
    this.#context = undefined;
    context.state('ended');
    void this.#unsafe.allSettled().then(drained);
  }
}

function stopped(): Error {
  return millraceError(
    'ERR_MILLRACE_STOPPED',
    'push: the run takes in no more records, it stops or has stopped',
  );
}
