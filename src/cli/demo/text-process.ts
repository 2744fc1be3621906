/**
 * The demo's text server, a process of its own: it takes none of the job's time, and what it has served is its word
 * against the job's. Started by `text-client.ts`, which it answers over the channel between processes.
 *
 * It ends when that channel closes, however the demo ends. Ctrl-C goes to every process of a terminal, and this one
 * must outlive the drain.
 */
import { TextServer } from '../../testing/text-server.ts';

export type TextRequest =
  | { readonly id: number; readonly ask: 'listen'; readonly rate: number }
  /** No more text than was served, up to the end of its last line. */
  | { readonly id: number; readonly ask: 'hold' }
  | { readonly id: number; readonly ask: 'served' }
  | { readonly id: number; readonly ask: 'ledger'; readonly bytes: number };

export interface TextReply {
  readonly id: number;
  readonly answer: unknown;
}

/** What the text up to a position holds. */
export interface Served {
  readonly bytes: number;
  readonly lines: number;
}

export interface Ledger extends Served {
  readonly counts: ReadonlyMap<string, number>;
}

const LOOP_BYTES = 8 << 20;

let server: TextServer | undefined;

async function answer(request: TextRequest): Promise<unknown> {
  if (request.ask === 'listen') {
    server = new TextServer({ resumable: true, rate: request.rate, loopBytes: LOOP_BYTES });
    return await server.listen();
  }
  if (server === undefined) throw new Error('the server was not started');
  const at = (bytes: number): Served => ({ bytes, lines: server!.linesAt(bytes) });
  switch (request.ask) {
    case 'hold':
      return at(server.hold());
    case 'served':
      return at(server.served);
    case 'ledger':
      return { ...at(request.bytes), counts: server.ledgerAt(request.bytes) } satisfies Ledger;
    default:
      return request satisfies never;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit(0));
process.on('message', (request: TextRequest) => {
  void answer(request).then((value) =>
    process.send!({ id: request.id, answer: value } satisfies TextReply),
  );
});
