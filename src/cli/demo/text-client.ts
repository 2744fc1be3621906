/** The demo's side of the text server's process: starts it, asks it, ends it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { millraceError } from '../../errors.ts';
import type { Ledger, Served, TextReply, TextRequest } from './text-process.ts';

type Question = TextRequest extends infer R
  ? R extends TextRequest
    ? Omit<R, 'id'>
    : never
  : never;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class TextClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  /** Settles, by rejecting, only if the process ends before `end()`. */
  readonly died: Promise<never>;
  #nextId = 1;
  #ended = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: TextReply) => {
      this.#waiting.get(reply.id)?.resolve(reply.answer);
      this.#waiting.delete(reply.id);
    });
    this.died = new Promise((_, reject) => {
      child.on('exit', (code, signal) => {
        if (this.#ended) return;
        const error = millraceError(
          'ERR_MILLRACE_CONNECT',
          `the demo's text server ended (${signal ?? `exit code ${code}`})`,
        );
        for (const { reject: refuse } of this.#waiting.values()) refuse(error);
        this.#waiting.clear();
        reject(error);
      });
    });
    this.died.catch(() => {});
  }

  static start(): TextClient {
    // The same folder, the same kind of file: src when that is run as it is, else dist.
    const file = `./text-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new TextClient(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with the port. */
  listen(rate: number): Promise<number> {
    return this.#ask({ ask: 'listen', rate }) as Promise<number>;
  }

  hold(): Promise<Served> {
    return this.#ask({ ask: 'hold' }) as Promise<Served>;
  }

  served(): Promise<Served> {
    return this.#ask({ ask: 'served' }) as Promise<Served>;
  }

  ledger(bytes: number): Promise<Ledger> {
    return this.#ask({ ask: 'ledger', bytes }) as Promise<Ledger>;
  }

  end(): void {
    this.#ended = true;
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(question: Question): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ...question }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }
}
