/**
 * Lets a simulation see every store to a shared word: the places at which a dying thread leaves something half done.
 *
 * All of the engine's shared words are stored by `Atomics.store`, so while a simulation runs that function is another
 * one, which asks before and after. The engine needs no hooks for it, and pays nothing.
 *
 * Where the payload of a frame is copied nothing can be asked. A thread that dies there leaves bytes behind TAIL, as one
 * that dies right before it stores TAIL does; those bytes mean nothing in either case.
 */
/** False: whoever stores is dead, so it has no effect. */
export type StoreWatcher = (when: 'before' | 'after') => boolean;

const store = Atomics.store;

/** Gives what ends it. One at a time. */
export function watchStores(watcher: StoreWatcher): () => void {
  const watched = (array: Int32Array, index: number, value: number): number => {
    if (!watcher('before')) return value;
    const stored = store(array, index, value);
    watcher('after');
    return stored;
  };
  (Atomics as { store: unknown }).store = watched;
  return () => {
    Atomics.store = store;
  };
}
