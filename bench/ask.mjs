// How long does an ask take, how many messages go through, and how soon is an actor back?
//
//   node bench/ask.mjs [--asks 20000] [--restarts 1000] [--json]
//
// ask       round trip: from the main thread to an actor on a thread, between two threads (measured by an actor), within one
// tell      messages a second from one thread to another, until the last one is handled
// restart   from the message that makes an actor throw to the first answer of its next life, on the same thread
import { parseArgs } from 'node:util';
import { ActorSystem } from '../dist/system/index.js';
import { machine, quantile, verdict } from './_util.mjs';

const { values: flags } = parseArgs({
  options: {
    asks: { type: 'string', default: '20000' },
    restarts: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});
const ASKS = Number(flags.asks);
const PLAYER = new URL('./_player.mjs#Player', import.meta.url);

const system = new ActorSystem({ threads: 2 });
const [a, b, c] = [
  await system.spawn(PLAYER, { thread: 0 }),
  await system.spawn(PLAYER, { thread: 1 }),
  await system.spawn(PLAYER, {
    thread: 0,
    maxRestarts: 1_000_000,
    name: 'c',
    backoff: { minMs: 0, maxMs: 0 },
  }),
];

async function timed(n, act) {
  const times = [];
  for (let i = 0; i < n; i++) {
    const from = performance.now();
    await act(i);
    times.push((performance.now() - from) * 1000);
  }
  return times.slice(n / 10);
}

const long = { timeoutMs: 600_000 };
const results = {
  'main to thread': await timed(ASKS, (i) => a.ask(i)),
  'thread to thread': await a.ask({ measure: b, asks: ASKS }, long),
  'within a thread': await a.ask({ measure: c, asks: ASKS }, long),
};
const perSecond = await a.ask({ flood: b, messages: ASKS * 10 }, long);
const restarts = await timed(Number(flags.restarts), async () => {
  await c.byName.ask('throw').catch(() => undefined);
  await c.byName.ask(1);
});
await system.close();

const figures = Object.fromEntries(
  Object.entries({ ...results, restart: restarts }).map(([name, times]) => [
    name,
    { p50us: quantile(times, 0.5), p99us: quantile(times, 0.99), n: times.length },
  ]),
);
/** What must hold, by figure. */
const BARS = {
  'main to thread': ['p50 ≤ 100 µs', ({ p50us }) => p50us <= 100],
  'thread to thread': ['p50 ≤ 100 µs', ({ p50us }) => p50us <= 100],
  restart: ['p99 ≤ 5 ms', ({ p99us }) => p99us <= 5000],
};
let missed = 0;
if (flags.json) console.log(JSON.stringify({ bench: 'ask', figures, perSecond }));
else {
  console.log(`# ${machine()}`);
  for (const [name, found] of Object.entries(figures)) {
    const { p50us, p99us, n } = found;
    const [bar, holds] = BARS[name] ?? [];
    if (bar !== undefined && !holds(found)) missed++;
    console.log(
      `${name.padEnd(18)} p50 ${p50us.toFixed(0)} µs, p99 ${p99us.toFixed(0)} µs, n = ${n}` +
        (bar === undefined ? '' : `; ${verdict(bar, holds(found))}`),
    );
  }
  console.log(
    `tell               ${(perSecond / 1e6).toFixed(2)} M messages/s from thread to thread`,
  );
}
process.exit(missed === 0 ? 0 : 1);
