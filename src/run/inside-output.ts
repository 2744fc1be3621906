/**
 * Knows whether the code at hand was called by an output of a run in this thread, be it behind an `await`. Whoever stops a
 * run from there must not wait for it: it would wait for itself.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

let inside: AsyncLocalStorage<object> | undefined;

/** Runs a user's function so that it is known to be inside an output of `engine`. */
export function insideOutput<R>(engine: object, act: () => R): R {
  // Made by the first who needs it: in older Nodes it costs every promise of the thread a little.
  inside ??= new AsyncLocalStorage();
  return inside.run(engine, act);
}

export function isInsideOutput(engine: object): boolean {
  return inside?.getStore() === engine;
}
