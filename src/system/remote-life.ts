/** One life of an actor on a thread: it begins there once the thread is up, and is ended by a word, or with its thread. */
import type { Birth, Routed } from '../actors/mail.ts';
import type { Clock } from '../env/env.ts';
import { toWire } from '../errors.ts';
import type { ChildHandle, Life } from '../supervision/supervisor.ts';
import type { Place } from './place.ts';
import type { Record } from './record.ts';

/** An actor that was killed and whose thread says nothing of it is stuck in its code. */
const KILL_GRACE_MS = 1000;

export interface RemoteLifeOptions {
  readonly record: Record;
  readonly place: Place;
  readonly birth: Birth;
  readonly life: Life;
  readonly clock: Clock;
  /** Where what waited for it goes. */
  readonly route: (mail: Routed) => void;
}

export function remoteLife(options: RemoteLifeOptions): ChildHandle {
  const { record, place, birth, life, clock, route } = options;
  const { path, incarnation } = birth;
  let over = false;
  place.start().then(
    (node) => {
      if (over) return;
      record.at = node;
      place.port!.post({ type: 'birth', birth });
      for (const letter of record.stash.splice(0)) route(letter);
    },
    (error: unknown) => life.exited({ kind: 'bootstrap', error: toWire(error) }),
  );
  const end = (brutal: boolean): void => {
    if (record.at === undefined) {
      // It waits for its thread.
      over = true;
      life.exited({ kind: brutal ? 'killed' : 'shutdown' });
      return;
    }
    place.port?.post({ type: 'end', path, incarnation, brutal });
    if (!brutal) return;
    clock.after(KILL_GRACE_MS, () => {
      if (record.life === life) place.kill({ kind: 'killed' });
    });
  };
  return { stop: () => end(false), kill: () => end(true) };
}
