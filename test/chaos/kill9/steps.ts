/** The steps of a process at its directory: found by a look at one, so that a new kind of file is a new step by itself. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const DIE_AT_STEP: string = fileURLToPath(
  new URL('../../fixtures/programs/die-at-step.mjs', import.meta.url),
);

export interface Step {
  /** `rename manifest-#.json` */
  readonly step: string;
  readonly when: 'before' | 'half' | 'after';
  /** Of a thread. */
  readonly nth: number;
}

export function tracing(directory: string, trace: string): NodeJS.ProcessEnv {
  return { STEPS_OF: directory, STEPS_TRACE: trace };
}

export function dyingAt(
  directory: string,
  step: Step,
  how: 'kill' | 'exit' = 'kill',
): NodeJS.ProcessEnv {
  return { STEPS_OF: directory, STEPS_END: JSON.stringify({ ...step, how }) };
}

/**
 * All ways to die at what was traced, in the order in which steps came first, those that a directory sees once before all
 * others. Of a step that comes again and again it is the `again`th time, so that there is something before it.
 */
export function stepsOf(trace: string, again: number): Step[] {
  const counts = new Map<string, number>();
  if (existsSync(trace))
    for (const step of readFileSync(trace, 'utf8').split('\n').slice(0, -1))
      counts.set(step, (counts.get(step) ?? 0) + 1);
  const rare = (count: number): boolean => count <= 2;
  const once = [...counts].filter(([, count]) => rare(count));
  const often = [...counts].filter(([, count]) => !rare(count));
  return [...once, ...often].flatMap(([step, count]) => {
    const nth = count > 3 * again ? again : 1;
    const ways: Step['when'][] = /^(?:write|append) /.test(step)
      ? ['before', 'half', 'after']
      : ['before', 'after'];
    return ways.map((when) => ({ step, when, nth }));
  });
}
