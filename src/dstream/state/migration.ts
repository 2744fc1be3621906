/**
 * State that was written by an older version of the program, brought to the shape that the program has now. Pure.
 *
 *   { version: 3, migrate: { 1: (old, key) => …, 2: (old, key) => … } }      step n makes version n + 1 of version n
 */
import { millraceError } from '../../errors.ts';
import type { GraphNode, UserFunction } from '../../plan/graph.ts';
import { versionOf } from '../../plan/stateful.ts';
import { badOption, type Caller } from '../arguments.ts';

/** Of an operator with state. */
export interface MigrationOptions<K = unknown> {
  /**
   * The shape of the state: a whole number that grows whenever older state can't be used as it is. State of an older one
   * is brought here by `migrate`. @default 1
   */
  readonly version?: number;
  /**
   * `migrate[n]` makes state of version n + 1 of one of version n, as it is read. It must be a function of its arguments
   * alone: after a failure it is called again. What it gives as undefined is no state any more.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly migrate?: Readonly<Record<number, (old: any, key: K) => any>>;
}

/** As a node of the graph has it. */
export interface MigrationParts {
  readonly version: number | undefined;
  readonly functions: Readonly<Record<string, UserFunction>>;
}

/**
 * Checks what the user gave.
 * @throws ERR_MILLRACE_BAD_OPTION
 */
export function migrationParts(
  caller: Caller,
  given: Readonly<Record<string, unknown>>,
): MigrationParts {
  const { version = 1, migrate } = given;
  if (!Number.isSafeInteger(version) || (version as number) < 1)
    throw badOption(caller, 'version', 'a whole number of at least 1', version);
  if (migrate === undefined)
    return { version: version === 1 ? undefined : (version as number), functions: {} };
  if (typeof migrate !== 'object' || migrate === null)
    throw badOption(caller, 'migrate', 'of the form { 1: (old, key) => … }', migrate);
  const functions: Record<string, UserFunction> = {};
  for (const [from, step] of Object.entries(migrate)) {
    if (!/^[1-9]\d*$/.test(from) || Number(from) >= (version as number))
      throw badOption(
        caller,
        'migrate',
        `steps from versions before ${String(version)}, which is the operator's version`,
        from,
      );
    if (typeof step !== 'function')
      throw badOption(caller, `migrate[${from}]`, 'a function (old, key) => state', step);
    functions[`migrate${from}`] = step as UserFunction;
  }
  return { version: version as number, functions };
}

export interface Migration {
  readonly version: number;
  /** Functions by the version that they take. */
  readonly steps: Readonly<Record<number, UserFunction>>;
  /** Throws the coded error of what a step threw. */
  readonly blame: (error: unknown, record: unknown) => never;
}

export function migrationOf(node: GraphNode, blame: Migration['blame']): Migration | undefined {
  const version = versionOf(node);
  if (version === 1) return undefined;
  const steps: Record<number, UserFunction> = {};
  for (let from = 1; from < version; from++) {
    const step = node.functions[`migrate${from}`];
    if (step !== undefined) steps[from] = step;
  }
  return { version, steps, blame };
}

/** @throws ERR_MILLRACE_STATE_VERSION when a step is missing */
export function migrated(
  { version, steps, blame }: Migration,
  from: number,
  state: unknown,
  key?: unknown,
): unknown {
  let now = state;
  for (let at = from; at < version && now !== undefined; at++) {
    const step = steps[at];
    if (step === undefined)
      throw millraceError(
        'ERR_MILLRACE_STATE_VERSION',
        `state of version ${from} is to become one of version ${version}, and migrate has no step from ${at}`,
        { context: { stored: from, version } },
      );
    try {
      now = step(now, key) as unknown;
    } catch (error) {
      blame(error, key === undefined ? now : [key, now]);
    }
  }
  return now;
}
