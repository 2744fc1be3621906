// A text server in a process of its own, so that serving takes no time from what is measured.
//
//   node bench/_server.mjs [--loop-mb 64] [--seed 1] [--rate LINES_PER_S] [--vocabulary 50000] [--resumable] [--port 0]
//
// Prints {"port":N} when it listens, and serves until it is killed or the pipe on its standard input
// ends. Each line on that pipe is a byte position; the answer is {"bytes":N,"lines":N,"words":N}.
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { TextServer } from '../dist/testing/text-server.js';

const { values } = parseArgs({
  options: {
    'loop-mb': { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string' },
    vocabulary: { type: 'string', default: '50000' },
    resumable: { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
  },
});

const server = new TextServer({
  loopBytes: Number(values['loop-mb']) * 2 ** 20,
  seed: Number(values.seed),
  vocabulary: Number(values.vocabulary),
  resumable: values.resumable,
  port: Number(values.port),
  ...(values.rate === undefined ? {} : { rate: Number(values.rate) }),
});
console.log(JSON.stringify({ port: await server.listen() }));

const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket()) {
  for await (const line of createInterface({ input: process.stdin })) {
    const bytes = Number(line);
    let words = 0;
    for (const count of server.ledgerAt(bytes).values()) words += count;
    console.log(JSON.stringify({ bytes, lines: server.linesAt(bytes), words }));
  }
  await server.stop();
}
