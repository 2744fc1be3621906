/**
 * The thread of the sources, as the coordinator has it: one at a time, or none while it is replaced.
 *
 * I1  Only the newest one is heard, and only it hears.
 */
import type { FromSources, ToSources } from '../actors/messages.ts';
import type { ConsumerWords } from '../actors/receiver-edge.ts';
import type { Port } from '../env/port.ts';

export class SourcesLink {
  #thread: { readonly slot: number; readonly port: Port<FromSources, ToSources> } | undefined;

  attach(
    slot: number,
    port: Port<FromSources, ToSources>,
    receive: (message: FromSources) => void,
  ): void {
    this.#thread = { slot, port };
    port.onMessage((message) => {
      if (this.#thread?.port === port) receive(message);
    });
    port.onClose(() => {
      if (this.#thread?.port === port) this.#thread = undefined;
    });
  }

  get isThere(): boolean {
    return this.#thread !== undefined;
  }

  /** Its doorbell; 0 when there is none. */
  get slot(): number {
    return this.#thread?.slot ?? 0;
  }

  post(message: ToSources): void {
    this.#thread?.port.post(message);
  }

  /** Who reads the receiver edges now, and where each of them is. */
  postConsumers(words: ReadonlyMap<number, ConsumerWords>, peerOf: (edge: number) => number): void {
    if (words.size === 0) return;
    const edges = [...words].map(([edge, own]) => ({ edge, words: own, peer: peerOf(edge) }));
    this.post({ type: 'consumers', edges });
  }

  /** What is held and durable; they ignore what they know. */
  postHeld(held: number, durable: number, oldest: number): void {
    if (held > 0) this.post({ type: 'held', barrier: held });
    if (durable > 0) this.post({ type: 'durable', barrier: durable, oldest });
  }
}
