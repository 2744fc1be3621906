/** Replaces a method for the length of a simulated run. */
import type { SimHooks } from '../../src/testing/sim/simulation.ts';

export function replaced<T extends object, K extends keyof T>(
  of: T,
  name: K,
  make: (original: T[K]) => T[K],
): SimHooks {
  return {
    begin: () => {
      const original = of[name];
      of[name] = make(original);
      return () => {
        of[name] = original;
      };
    },
  };
}
