/**
 * How an actor or a thread ended: a closed union of plain data, so that it crosses threads, and a
 * line of text for each. `slot.ts` finds out how a thread ended; supervisors add what only they know
 * (`hang`, `poison`, `shutdown`, `fenced`).
 *
 * I1  `normal` is given by an explicit DONE only. A bare exit with code 0 is `exit{0}`: abnormal.
 */
import type { WireError } from '../errors.ts';
import type { ThreadState } from './vitals.ts';

export type ExitReason =
  /** It said that its work is done. */
  | { readonly kind: 'normal' }
  /** It was asked to stop, and stopped. `detail` says why, as in `reached_max_restarts`. */
  | { readonly kind: 'shutdown'; readonly detail?: string }
  /** It was made to stop: the deadline of a shutdown passed, or nobody wanted to wait. */
  | { readonly kind: 'killed' }
  /** It threw, or a promise was rejected and nobody cared. */
  | { readonly kind: 'error'; readonly error: WireError }
  /** The same record killed it each time. */
  | { readonly kind: 'poison'; readonly recordRef: string }
  /** It worked for `sinceMs` without any progress, and was killed for it. */
  | { readonly kind: 'hang'; readonly state: ThreadState; readonly sinceMs: number }
  /** Its heap reached the limit. */
  | { readonly kind: 'oom' }
  /** Something in it called `process.exit`, or its event loop ran dry. */
  | { readonly kind: 'exit'; readonly code: number }
  /** Somebody else ended it. */
  | { readonly kind: 'terminated' }
  /** It ended before it was ready, or was not ready in time. */
  | { readonly kind: 'bootstrap'; readonly error: WireError }
  /** It would not end by `killTimeoutMs`, so it is given up: it may still run. */
  | { readonly kind: 'lost' }
  /** It found out that it has a successor. */
  | { readonly kind: 'fenced' };

/** One line for logs and errors. */
export function describe(reason: ExitReason): string {
  switch (reason.kind) {
    case 'normal':
      return 'normal: its work is done';
    case 'shutdown':
      return reason.detail === undefined ? 'shutdown' : `shutdown: ${reason.detail}`;
    case 'killed':
      return 'killed';
    case 'error':
      return `error: ${describeError(reason.error)}`;
    case 'poison':
      return `poison: record ${reason.recordRef} kills it each time`;
    case 'hang':
      return `hang: ${reason.state} without progress for ${Math.round(reason.sinceMs)} ms`;
    case 'oom':
      return 'oom: its heap reached the limit';
    case 'exit':
      return `exit ${reason.code}: process.exit was called, or nothing kept it alive`;
    case 'terminated':
      return 'terminated by somebody else';
    case 'bootstrap':
      return `bootstrap: ${describeError(reason.error)}`;
    case 'lost':
      return 'lost: it would not end and may still run';
    case 'fenced':
      return 'fenced: it has a successor';
    default:
      return reason satisfies never;
  }
}

function describeError(error: WireError): string {
  if (error.kind === 'value') return String(error.value);
  const code = error.code === undefined ? '' : ` [${error.code}]`;
  return `${error.name}${code}: ${error.message}`;
}
