/** What `verifyStage` may find, and how two values are told apart. Pure. */
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { Emitted, HandedOver } from './stage-bench.ts';

export type FindingKind =
  /** It throws, or gives a promise. */
  | 'throws'
  /** Two fresh instances give different results for the same records. */
  | 'not-deterministic'
  /** It has state that `snapshot` doesn't give: nothing, or not all of it. */
  | 'state-outside-snapshot'
  /** What `snapshot` gives right behind `restore` is not what was restored. */
  | 'restore-loses'
  /** `snapshot` itself changes what the stage does. */
  | 'snapshot-changes-it'
  /** What `snapshot` gave changes with the stage. */
  | 'shares-snapshot'
  /** A record changes after it was emitted. */
  | 'changes-what-it-emitted'
  /** It changes the record that it is given. */
  | 'changes-its-input';

export interface Finding {
  readonly kind: FindingKind;
  /** Number of the record, from 0, at which it showed. */
  readonly at: number;
  /** In a sentence, with what to do. */
  readonly text: string;
  /** False: nothing breaks today, but it is a trap. */
  readonly serious: boolean;
}

const SHOWN = 100;

export function shown(value: unknown): string {
  const text =
    typeof value === 'string' ? `'${value}'` : (JSON.stringify(plain(value)) ?? 'nothing');
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Maps and sets as JSON shows nothing of them. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(plain);
  if (value instanceof Set) return [...value].map(plain);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(plain);
  if (
    typeof value !== 'object' ||
    value === null ||
    Object.getPrototypeOf(value) !== Object.prototype
  )
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}

/** The first difference of what came out, in words; undefined for none. */
export function outputDifference(
  want: readonly Emitted[],
  got: readonly Emitted[],
): string | undefined {
  for (let n = 0; n < Math.max(want.length, got.length); n++) {
    const [a, b] = [want[n], got[n]];
    if (a?.output === b?.output && sameBytes(a?.bytes, b?.bytes)) continue;
    return `${told(b)} instead of ${told(a)}`;
  }
  return undefined;
}

function told(emitted: Emitted | undefined): string {
  if (emitted === undefined) return 'nothing';
  const { output, bytes } = emitted;
  return `${shown(unpackValue(bytes))}${output === 'default' ? '' : ` on output '${output}'`}`;
}

/** What `snapshot` gave. */
export function stateOf(handedOver: HandedOver | undefined): unknown {
  const state = handedOver?.state;
  return state === undefined ? undefined : (unpackValue(state) as [unknown])[0];
}

/** Where two states differ, as a path; undefined when they don't. */
export function stateDifference(want: unknown, got: unknown, path = ''): string | undefined {
  if (sameBytes(packValue([want]), packValue([got]))) return undefined;
  const [a, b] = [entriesOf(want), entriesOf(got)];
  if (a === undefined || b === undefined || typeof want !== typeof got)
    return `${path === '' ? 'state' : path} is ${shown(got)} instead of ${shown(want)}`;
  for (const [key, value] of a) {
    const difference = stateDifference(value, b.get(key), `${path === '' ? 'state' : path}.${key}`);
    if (difference !== undefined) return difference;
  }
  const more = [...b.keys()].find((key) => !a.has(key));
  return more === undefined
    ? `${path === '' ? 'state' : path} has another order`
    : `${path === '' ? 'state' : path} has ${more} too`;
}

function entriesOf(value: unknown): Map<string, unknown> | undefined {
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [shown(key), each]));
  if (Array.isArray(value)) return new Map(value.map((each, n) => [String(n), each]));
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}
