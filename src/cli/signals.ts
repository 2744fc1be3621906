/**
 * What the command does when it is told to stop: the first SIGINT or SIGTERM drains, the next stops now. Only the
 * command listens to signals; the library never does.
 */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface StopRequests {
  /** Asked to stop for the first time. `why` names the signal, or who asked. */
  drain(why: string): void;
  /** Asked again. */
  now(why: string): void;
}

export class StopSwitch implements Disposable {
  readonly #requests: StopRequests;
  readonly #heard = new Map<string, () => void>();
  #asked = 0;

  constructor(requests: StopRequests) {
    this.#requests = requests;
    for (const signal of SIGNALS) {
      const listener = (): void => this.ask(signal);
      this.#heard.set(signal, listener);
      process.on(signal, listener);
    }
  }

  /** A signal, or a key that means the same. */
  ask(why: string): void {
    this.#asked++;
    if (this.#asked === 1) this.#requests.drain(why);
    else this.#requests.now(why);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#heard) process.removeListener(signal, listener);
    this.#heard.clear();
  }
}
