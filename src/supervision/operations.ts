/**
 * Operations of a supervisor, one at a time. Each is a generator: it yields where it has to wait, and goes on after the
 * next signal.
 *
 * I1  Nothing runs inside a call from without: what is said during an operation waits for its turn.
 */
export type Operation = Generator<void, void, void>;

export interface Command {
  run(): Operation;
  /** The supervisor ends before it is this command's turn. */
  refuse?(): void;
}

export class Operations {
  /** What goes before all that waits, asked when nothing runs; `nothing`: no more is to begin. */
  readonly #first: () => Operation | 'nothing' | undefined;
  #mailbox: Command[] = [];
  #operation: Operation | undefined;
  #pumping = false;
  #signalled = false;

  constructor(first: () => Operation | 'nothing' | undefined) {
    this.#first = first;
  }

  add(command: Command): void {
    this.#mailbox.push(command);
  }

  /** Something has changed that the operation may wait for. */
  signal(): void {
    this.mark();
    this.pump();
  }

  /** As `signal`, for a change from within: it shows at the next look. */
  mark(): void {
    this.#signalled = true;
  }

  /** None of those that wait will have its turn. */
  refuseAll(): void {
    for (const command of this.#mailbox.splice(0)) command.refuse?.();
  }

  /** Goes on for as long as something can. Called after every signal and command; not from within itself. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        if (this.#operation === undefined) {
          const first = this.#first();
          if (first === 'nothing') break;
          this.#operation = first ?? this.#mailbox.shift()?.run();
          if (this.#operation === undefined) break;
        }
        // A signal that comes from within shows at the next look: nothing is lost between two of them.
        this.#signalled = false;
        if (this.#operation.next().done) this.#operation = undefined;
        else if (!this.#signalled) break;
      }
    } finally {
      this.#pumping = false;
    }
  }
}
