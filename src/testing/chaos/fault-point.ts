/**
 * Faults in user code, by order: the job calls `pass(record)` at a point that it names, and a chaos script orders what
 * happens there. Orders lie in shared memory that the job gets among its `args`, so they reach every thread at once,
 * replacements too, and cost one load a record while there are none.
 *
 *   word 0        orders that stand
 *   then ORDERS × { point, mode, times left, parameter, length of the record, its text in UTF-8 }
 *
 * I1  The process that runs the job writes an order and then the count; a thread takes a turn of an order by one
 *     atomic subtraction, so `times` is exact over all threads.
 * I2  An order with a record's text is for that record alone: each time that it comes.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

export type PointFault =
  | 'throw'
  | 'reject'
  | 'hang'
  | 'exit'
  | 'oom'
  | 'slow'
  | 'nativeHang'
  /** Forgets all orders for the point. */
  | 'clear';

/** Shared by all threads of a job. Passed to the builder as `args.faults`. */
export type Faults = SharedArrayBuffer;

/** A place in user code at which a script may order faults. */
export interface FaultPoint {
  /** Called with each record. Does nothing, or what was ordered. */
  pass(record: unknown): void;
}

export interface PointOrder {
  readonly point: string;
  readonly fault: PointFault;
  /** How often, over all threads. @default 1; with a record: each time */
  readonly times?: number;
  /** Only for a record that has this text. */
  readonly record?: string;
  /** `exit`: the code. `slow`: ms a record, parts too. */
  readonly parameter?: number;
}

const MODES: readonly PointFault[] = [
  'throw',
  'reject',
  'hang',
  'exit',
  'oom',
  'slow',
  'nativeHang',
];
const ORDERS = 16;
const TEXT_BYTES = 128;
const HEAD_WORDS = 5;
const WORDS = HEAD_WORDS + TEXT_BYTES / 4;
const FOR_EVER = 2 ** 31 - 1;
/** The parameter is a fraction: thousandths. */
const PER_UNIT = 1000;

export function createFaults(): Faults {
  return new SharedArrayBuffer((1 + ORDERS * WORDS) * 4);
}

/** Gives an order. Called by the process that runs the job, on one thread. */
export function order(
  faults: Faults,
  { point, fault, times, record, parameter = 0 }: PointOrder,
): void {
  const words = new Int32Array(faults);
  const name = hash(point);
  const count = Atomics.load(words, 0);
  if (fault === 'clear') {
    for (let n = 0; n < count; n++) if (words[at(n)] === name) Atomics.store(words, at(n) + 2, 0);
    return;
  }
  // One that is used up makes room.
  let slot = 0;
  while (slot < count && Atomics.load(words, at(slot) + 2) > 0) slot++;
  if (slot === ORDERS)
    throw new RangeError(`more than ${ORDERS} orders stand at points of the job`);
  const text = new TextEncoder().encode(record ?? '');
  if (text.length > TEXT_BYTES)
    throw new RangeError(`the record of an order has at most ${TEXT_BYTES} bytes`);
  const start = at(slot);
  words[start] = name;
  words[start + 1] = MODES.indexOf(fault);
  words[start + 3] = Math.round(parameter * PER_UNIT);
  words[start + 4] = record === undefined ? -1 : text.length;
  new Uint8Array(faults).set(text, (start + HEAD_WORDS) * 4);
  Atomics.store(words, start + 2, times ?? (record === undefined ? 1 : FOR_EVER));
  if (slot === count) Atomics.store(words, 0, count + 1);
}

/**
 * A point of the job at which a chaos script may order faults.
 *
 * @param faults `args.faults` of the builder; without it nothing ever happens
 * @param name what the script calls it: `c.at('1s').point('map').throw()`
 * @example
 * const map = faultPoint(args.faults, 'map');
 * lines.map((line) => { map.pass(line); return line.length; })
 */
export function faultPoint(faults: Faults | undefined, name: string): FaultPoint {
  if (faults === undefined) return { pass() {} };
  const words = new Int32Array(faults);
  const point = hash(name);
  return {
    pass(record) {
      const count = Atomics.load(words, 0);
      for (let n = 0; n < count; n++) {
        const start = at(n);
        if (words[start] !== point || Atomics.load(words, start + 2) <= 0) continue;
        const length = words[start + 4]!;
        if (length >= 0 && textAt(faults, start, length) !== String(record)) continue;
        const left = Atomics.sub(words, start + 2, 1);
        if (left > 0) happen(MODES[words[start + 1]!]!, name, record, words[start + 3]! / PER_UNIT);
      }
    },
  };
}

function happen(fault: PointFault, name: string, record: unknown, parameter: number): void {
  switch (fault) {
    case 'throw':
      throw new Error(`ordered at ${name}, record ${String(record)}`);
    case 'reject':
      void Promise.reject(new Error(`ordered at ${name}, record ${String(record)}`));
      return;
    case 'hang':
      for (;;);
    case 'nativeHang':
      hangInNativeCode();
      return;
    case 'exit':
      process.exit(parameter);
      break;
    case 'oom': {
      const hoard: number[][] = [];
      for (let n = 0; ; n++) hoard.push(Array<number>(1_000_000).fill(n + 0.5));
    }
    case 'slow':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, parameter);
      return;
    case 'clear':
      return;
    default:
      fault satisfies never;
  }
}

/** Reads a FIFO that nobody writes to: no `terminate()` gets through to it. */
function hangInNativeCode(): void {
  const path = `${tmpdir()}/chaos-fifo-${randomUUID()}`;
  execFileSync('mkfifo', [path]);
  readFileSync(path);
}

function at(slot: number): number {
  return 1 + slot * WORDS;
}

function textAt(faults: Faults, start: number, length: number): string {
  const from = (start + HEAD_WORDS) * 4;
  // A decoder takes no shared memory on every Node.
  return new TextDecoder().decode(new Uint8Array(faults).slice(from, from + length));
}

/** FNV-1a; never 0. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let n = 0; n < name.length; n++) value = Math.imul(value ^ name.charCodeAt(n), 0x01000193);
  return value | 1;
}
