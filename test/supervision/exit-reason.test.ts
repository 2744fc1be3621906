import { expect, it } from 'vitest';
import { toWire } from '../../src/errors.ts';
import {
  describe,
  isNormal,
  mayStillRun,
  restarts,
  type ExitReason,
} from '../../src/supervision/exit-reason.ts';

const error = toWire(Object.assign(new TypeError('no'), { code: 'E_NO' }));
const ALL: [ExitReason, string][] = [
  [{ kind: 'normal' }, 'normal: its work is done'],
  [{ kind: 'shutdown' }, 'shutdown'],
  [{ kind: 'shutdown', detail: 'reached_max_restarts' }, 'shutdown: reached_max_restarts'],
  [{ kind: 'killed' }, 'killed'],
  [{ kind: 'error', error }, 'error: TypeError [E_NO]: no'],
  [{ kind: 'error', error: toWire('a string') }, 'error: a string'],
  [{ kind: 'poison', recordRef: 'map#3:17' }, 'poison: record map#3:17 kills it each time'],
  [
    { kind: 'hang', state: 'RUNNING', sinceMs: 30_000.4 },
    'hang: RUNNING without progress for 30000 ms',
  ],
  [{ kind: 'oom' }, 'oom: its heap reached the limit'],
  [{ kind: 'exit', code: 0 }, 'exit 0: process.exit was called, or nothing kept it alive'],
  [{ kind: 'terminated' }, 'terminated by somebody else'],
  [{ kind: 'bootstrap', error }, 'bootstrap: TypeError [E_NO]: no'],
  [{ kind: 'lost' }, 'lost: it would not end and may still run'],
  [{ kind: 'fenced' }, 'fenced: it has a successor'],
];

it.each(ALL)('%j has a line of text', (reason, line) => {
  expect(describe(reason)).toBe(line);
});

it('I1: only an end in order is normal, and exit 0 is none', () => {
  const normal = ALL.map(([reason]) => reason).filter((reason) => isNormal(reason));
  expect([...new Set(normal.map(({ kind }) => kind))]).toEqual(['normal', 'shutdown']);
});

it('a permanent child is always restarted, a transient one after an abnormal end, a temporary one never', () => {
  for (const [reason] of ALL) {
    expect(restarts('permanent', reason)).toBe(true);
    expect(restarts('transient', reason)).toBe(!isNormal(reason));
    expect(restarts('temporary', reason)).toBe(false);
    expect(mayStillRun(reason)).toBe(reason.kind === 'lost');
  }
});
