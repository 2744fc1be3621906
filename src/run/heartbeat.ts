/**
 * Finds threads that live in an event loop (coordinator, sources) and don't turn it any more. Workers have vitals for
 * that; here a control call that isn't answered in time is the sign. Belongs to the embedding thread.
 *
 * I1  After a missed call a second one decides, so a stall of this thread alone accuses nobody.
 */
import { connect, expose, type ControlPort } from '../actors/control.ts';
import type { Clock, Timer } from '../env/env.ts';
import { MillraceError } from '../errors.ts';

const CALLS_PER_TIMEOUT = 4;
const SECOND_CALL_MS = 250;

interface Pulse {
  pulse(): void;
}

/** The watched side. */
export function answerHeartbeat(port: ControlPort): void {
  expose<Pulse & Record<keyof Pulse, () => void>>(port, { pulse() {} });
}

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly hangTimeoutMs: number;
  readonly path: string;
  readonly onHang: (sinceMs: number) => void;
}

/** The watching side; gives what ends the watch. */
export function watchHeartbeat(
  port: ControlPort,
  { clock, hangTimeoutMs, path, onHang }: HeartbeatOptions,
): () => void {
  const connection = connect<Pulse & Record<keyof Pulse, () => void>>(port, {
    clock,
    path,
    deadlineMs: hangTimeoutMs,
  });
  let timer: Timer | undefined;
  let ended = false;
  const beat = async (): Promise<void> => {
    try {
      await connection.call.pulse();
    } catch (first) {
      if (!isTimeout(first) || ended) return;
      try {
        await connection.within(SECOND_CALL_MS).pulse();
      } catch (second) {
        if (isTimeout(second) && !ended) onHang(hangTimeoutMs + SECOND_CALL_MS);
        return;
      }
    }
    if (!ended) timer = clock.after(hangTimeoutMs / CALLS_PER_TIMEOUT, () => void beat());
  };
  void beat();
  return () => {
    ended = true;
    timer?.cancel();
    connection.close();
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'ERR_MILLRACE_CALL_TIMEOUT';
}
