// What the benches share: processes that speak JSON lines, and the form of a figure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const file = (name) => fileURLToPath(new URL(name, import.meta.url));
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const sorted = (xs) => xs.toSorted((x, y) => x - y);
export const quantile = (xs, q) => sorted(xs)[Math.min(xs.length - 1, Math.floor(xs.length * q))];
export const median = (xs) => quantile(xs, 0.5);
/** `median (least..most)` */
export const figure = (xs, digits = 2) =>
  `${median(xs).toFixed(digits)} (${sorted(xs)[0].toFixed(digits)}..${sorted(xs).at(-1).toFixed(digits)})`;
export const machine = () => `node ${process.version}, ${cpus().length} × ${cpus()[0].model}`;

/** A text server in a process of its own: `{ port, stop }`. */
export const startServer = (...args) => startServerOf('_server.mjs', args);

/** One of keys, whose rate may be set. */
export const startKeyServer = (...args) => startServerOf('_key-server.mjs', args);

async function startServerOf(name, args) {
  const server = spawn(process.execPath, [file(name), ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [ready] = await once(createInterface({ input: server.stdout }), 'line');
  return {
    port: JSON.parse(ready).port,
    rate: (perSecond) => server.stdin.write(`${perSecond}\n`),
    stop: () => server.kill('SIGKILL'),
  };
}

/** Runs a program of Node for `ms`, and gives the JSON lines that it printed. */
export const linesOf = (args, ms, nodeArgs = []) =>
  linesOfProgram(process.execPath, [...nodeArgs, ...args.map(String)], ms);

/** The same for any program. */
export async function linesOfProgram(command, args, ms) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  await Promise.race([sleep(ms), once(child, 'exit')]);
  child.kill('SIGKILL');
  return lines;
}

/** Whether a figure keeps its bar, as a line ends. */
export const verdict = (bar, holds) => `bar ${bar}: ${holds ? 'held' : 'MISSED'}`;

/** The 95 % interval of the median, by order statistics: [least, most]. */
export function medianInterval(xs) {
  const n = xs.length;
  const half = 0.98 * Math.sqrt(n);
  const each = sorted(xs);
  return [
    each[Math.max(0, Math.floor(n / 2 - half))],
    each[Math.min(n - 1, Math.ceil(n / 2 + half) - 1)],
  ];
}

/** `median, 95 % interval least..most, n = …` */
export const judged = (xs, digits = 2) => {
  const [least, most] = medianInterval(xs);
  return `${median(xs).toFixed(digits)}, 95 % interval ${least.toFixed(digits)}..${most.toFixed(digits)}, n = ${xs.length}`;
};
