/**
 * A deadline for somebody else. When the thread that waits has itself stood still past the time, what
 * the other said in between is still in its queue, and timers run before messages: so it listens for
 * a moment longer before it gives up.
 */
import type { Clock, Timer } from './env.ts';

/** A timer that is later than this tells of a stall. */
const STALL_MS = 20;
/** Long enough for an answer to an answer, on a busy machine. */
const GRACE_MS = 250;

/** Calls `run` once, `ms` from now, unless it is cancelled before. */
export function deadline(clock: Clock, ms: number, run: () => void): Timer {
  const dueMs = clock.monotonic() + ms;
  let timer = clock.after(ms, () => {
    if (clock.monotonic() - dueMs < STALL_MS) run();
    else timer = clock.after(GRACE_MS, run);
  });
  return { cancel: () => timer.cancel() };
}
