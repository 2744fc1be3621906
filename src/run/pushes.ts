/** Records that the embedding program has pushed and the thread of the sources has not answered for yet. */
import { fromWire, millraceError, type WireError } from '../errors.ts';

export class Pushes {
  readonly #open = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  #next = 1;

  /** @param post sends it, under that number */
  begin(post: (id: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#open.set(id, { resolve, reject });
      post(id);
    });
  }

  answered(id: number, error: WireError | undefined): void {
    const push = this.#open.get(id);
    this.#open.delete(id);
    if (error === undefined) push?.resolve();
    else push?.reject(fromWire(error));
  }

  /** Nobody will answer for what is open. */
  fail(why: string): void {
    for (const push of this.#open.values())
      push.reject(
        millraceError(
          'ERR_MILLRACE_PEER_DOWN',
          `push: ${why}; the records may or may not have been accepted`,
        ),
      );
    this.#open.clear();
  }
}
