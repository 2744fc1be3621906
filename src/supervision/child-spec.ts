/**
 * What a supervisor is told: its flags, and a spec for each child, which may be a supervisor again. Plain data; OTP's
 * words and rules. `checkSpec` looks at a whole tree before anything of it starts, and says all that is wrong at once.
 *
 * I1  What passes `checkSpec` is a finite tree, with ids that are unique below each supervisor, and every limit in it
 *     can be reached: no backoff is longer than its window.
 */
import { millraceError, type ErrorCode, type MillraceError } from '../errors.ts';
import type { BackoffOptions } from './backoff.ts';
import type { RestartKind } from './exit-reason.ts';
import { checkIntensity } from './intensity.ts';

/** Who is restarted together with a child that died. */
export type Strategy =
  /** The child alone. */
  | 'one_for_one'
  /** All children. */
  | 'one_for_all'
  /** The child and those that were started after it. */
  | 'rest_for_one'
  /** The child alone; all are alike, started on demand from one template, and stopped all at once. */
  | 'simple_one_for_one';

export const STRATEGIES: readonly Strategy[] = [
  'one_for_one',
  'one_for_all',
  'rest_for_one',
  'simple_one_for_one',
];

/** When the end of significant children ends their supervisor. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

export interface SupervisorFlags {
  /** @default one_for_one */
  readonly strategy?: Strategy;
  /** Restarts that each child may have in the window; all children together may have three times as many. @default 3 */
  readonly maxRestarts?: number;
  /** Length of the window, in ms. @default 30000 */
  readonly withinMs?: number;
  /** @default never */
  readonly autoShutdown?: AutoShutdown;
  /**
   * What becomes of a child that can't be started when the supervisor starts: `fail` gives the supervisor up, `restart`
   * counts it as a death and tries again, up to the limit. @default fail
   */
  readonly onStartFailure?: 'fail' | 'restart';
}

/** How long a child may take to stop, in ms; `brutal` doesn't ask, `infinity` waits for ever. */
export type ShutdownMs = number | 'brutal' | 'infinity';

export interface ChildSpec<Start> {
  /** Its name below the supervisor. */
  readonly id: string;
  /** What the host starts. A child has either this or `supervisor`. */
  readonly start?: Start;
  /** The child is a supervisor. */
  readonly supervisor?: SupervisorSpec<Start>;
  /** @default permanent */
  readonly restart?: RestartKind;
  /** Its end may end the supervisor (`autoShutdown`). Only a transient child can be. @default false */
  readonly significant?: boolean;
  /** @default 5000; of a supervisor: infinity */
  readonly shutdownMs?: ShutdownMs;
  /** How long it may take until it says that it has started, in ms. @default 10000; of a supervisor: infinity */
  readonly startTimeoutMs?: number;
  /** Delays before its restarts. @default { minMs: 50, maxMs: 5000, factor: 2, jitter: 0.2 } */
  readonly backoff?: BackoffOptions;
  /** The first restart since it made progress doesn't wait for the backoff. @default false */
  readonly restartAtOnce?: boolean;
  /** Where the user wrote this, for errors: `app.ts:12:5`. */
  readonly callSite?: string;
}

export interface SupervisorSpec<Start> extends SupervisorFlags {
  /** In the order of their start. With `simple_one_for_one`: the template, and nothing else. */
  readonly children: readonly ChildSpec<Start>[];
  readonly callSite?: string;
}

/** A child spec with everything filled in. */
export interface ResolvedChild<Start> extends ChildSpec<Start> {
  readonly type: 'worker' | 'supervisor';
  readonly restart: RestartKind;
  readonly significant: boolean;
  readonly shutdownMs: ShutdownMs;
  readonly startTimeoutMs: number;
  readonly backoff: BackoffOptions;
  readonly restartAtOnce: boolean;
}

export function resolveChild<Start>(spec: ChildSpec<Start>): ResolvedChild<Start> {
  const isSupervisor = spec.supervisor !== undefined;
  return {
    restart: 'permanent',
    significant: false,
    shutdownMs: isSupervisor ? 'infinity' : 5000,
    startTimeoutMs: isSupervisor ? Infinity : 10_000,
    backoff: {},
    restartAtOnce: false,
    ...spec,
    type: isSupervisor ? 'supervisor' : 'worker',
  };
}

/**
 * Refuses a tree with anything wrong in it.
 * @param path of the supervisor, for errors
 * @throws `ERR_MILLRACE_BAD_SPEC`; its `cause` is an `AggregateError` with one coded error for each fault, and each has
 *   `context.actor` and, where it is known, `context.callSite`
 */
export function checkSpec<Start>(spec: SupervisorSpec<Start>, path: string): void {
  const faults: MillraceError[] = [];
  new Checker(faults).supervisor(spec, path, spec.callSite, []);
  refuse(faults, path);
}

/** As {@link checkSpec}, for one child that is to be added. */
export function checkChild<Start>(
  child: ChildSpec<Start>,
  flags: SupervisorFlags,
  path: string,
): void {
  const faults: MillraceError[] = [];
  new Checker(faults).child(child, flags, path, undefined, []);
  refuse(faults, path);
}

function refuse(faults: readonly MillraceError[], path: string): void {
  if (faults.length === 0) return;
  const list = faults.map(({ code, message }) => `\n  ${code}: ${message}`).join('');
  throw millraceError(
    'ERR_MILLRACE_BAD_SPEC',
    `supervisor ${path} can't start, ${faults.length === 1 ? 'one thing is' : `${faults.length} things are`} wrong:${list}`,
    {
      context: { actor: path, faults: faults.map(({ code }) => code) },
      cause: new AggregateError(faults, 'faults of the spec'),
    },
  );
}

const RESTARTS: readonly RestartKind[] = ['permanent', 'transient', 'temporary'];
const AUTO_SHUTDOWNS: readonly AutoShutdown[] = ['never', 'any_significant', 'all_significant'];

class Checker {
  #faults: MillraceError[];

  constructor(faults: MillraceError[]) {
    this.#faults = faults;
  }

  supervisor<Start>(
    spec: SupervisorSpec<Start>,
    path: string,
    callSite: string | undefined,
    above: readonly unknown[],
  ): void {
    if (above.includes(spec)) {
      this.#fault(
        'ERR_MILLRACE_SPEC_CYCLE',
        path,
        callSite,
        'this supervisor is below itself. Write a spec of its own for each place in the tree',
      );
      return;
    }
    const { strategy = 'one_for_one', autoShutdown = 'never', children } = spec;
    this.#oneOf('ERR_MILLRACE_UNKNOWN_STRATEGY', 'strategy', strategy, STRATEGIES, path, callSite);
    this.#oneOf(
      'ERR_MILLRACE_BAD_OPTION',
      'autoShutdown',
      autoShutdown,
      AUTO_SHUTDOWNS,
      path,
      callSite,
    );
    this.#oneOf(
      'ERR_MILLRACE_BAD_OPTION',
      'onStartFailure',
      spec.onStartFailure ?? 'fail',
      ['fail', 'restart'],
      path,
      callSite,
    );
    if (!Array.isArray(children)) {
      this.#fault(
        'ERR_MILLRACE_BAD_OPTION',
        path,
        callSite,
        'children must be a list of child specs',
      );
      return;
    }
    if (strategy === 'simple_one_for_one' && children.length !== 1) {
      this.#fault(
        'ERR_MILLRACE_BAD_OPTION',
        path,
        callSite,
        `simple_one_for_one has one template among its children, and not ${children.length}`,
      );
    }
    const ids = new Set<string>();
    for (const child of children as readonly ChildSpec<Start>[]) {
      if (ids.has(child.id))
        this.#fault(
          'ERR_MILLRACE_DUPLICATE_ID',
          `${path}/${child.id}`,
          child.callSite ?? callSite,
          `there are two children of this id. Give each its own`,
        );
      ids.add(child.id);
      this.child(child, spec, path, callSite, [...above, spec]);
    }
    if (children.length === 0) this.#limits(spec, undefined, path, callSite);
  }

  child<Start>(
    child: ChildSpec<Start>,
    flags: SupervisorFlags,
    parent: string,
    callSite: string | undefined,
    above: readonly unknown[],
  ): void {
    const { id } = child;
    const path = `${parent}/${id}`;
    const site = child.callSite ?? callSite;
    if (typeof id !== 'string' || id === '' || id.includes('/')) {
      this.#fault(
        'ERR_MILLRACE_BAD_OPTION',
        path,
        site,
        `the id of a child is a text without '/', and not ${JSON.stringify(id)}`,
      );
    }
    const { restart, significant, shutdownMs, startTimeoutMs, backoff } = resolveChild(child);
    if ((child.start === undefined) === (child.supervisor === undefined)) {
      this.#fault('ERR_MILLRACE_BAD_OPTION', path, site, 'a child has either start or supervisor');
    }
    this.#oneOf('ERR_MILLRACE_BAD_OPTION', 'restart', restart, RESTARTS, path, site);
    this.#limits(flags, backoff, path, site);
    if (
      shutdownMs !== 'brutal' &&
      shutdownMs !== 'infinity' &&
      !(typeof shutdownMs === 'number' && shutdownMs >= 0)
    ) {
      this.#fault(
        'ERR_MILLRACE_BAD_OPTION',
        path,
        site,
        `shutdownMs is ${String(shutdownMs)}: it must be a number of ms, 'brutal' or 'infinity'`,
      );
    }
    if (!(startTimeoutMs > 0))
      this.#fault(
        'ERR_MILLRACE_BAD_OPTION',
        path,
        site,
        `startTimeoutMs is ${String(startTimeoutMs)}: it must be a number of ms above 0`,
      );
    if (significant && restart !== 'transient') {
      this.#fault(
        'ERR_MILLRACE_SIGNIFICANT_CHILD',
        path,
        site,
        `a ${restart} child can't be significant: ${restart === 'permanent' ? 'it never ends for good' : 'nobody notices whether it did its work'}. Make it transient`,
      );
    }
    if (significant && (flags.autoShutdown ?? 'never') === 'never') {
      this.#fault(
        'ERR_MILLRACE_SIGNIFICANT_CHILD',
        path,
        site,
        "it is significant, but autoShutdown is 'never'. Set autoShutdown to 'any_significant' or 'all_significant'",
      );
    }
    if (child.supervisor !== undefined)
      this.supervisor(child.supervisor, path, child.supervisor.callSite ?? site, above);
  }

  #limits(
    flags: SupervisorFlags,
    backoff: BackoffOptions | undefined,
    path: string,
    site: string | undefined,
  ): void {
    const { maxRestarts, withinMs } = flags;
    const limits = {
      ...(maxRestarts === undefined ? {} : { maxRestarts }),
      ...(withinMs === undefined ? {} : { withinMs }),
    };
    try {
      checkIntensity(limits);
    } catch (error) {
      this.#fault('ERR_MILLRACE_BAD_OPTION', path, site, (error as Error).message);
      return;
    }
    if (backoff === undefined) return;
    try {
      checkIntensity({ maxRestarts: 0, ...(withinMs === undefined ? {} : { withinMs }) }, backoff);
    } catch (error) {
      this.#fault('ERR_MILLRACE_BAD_OPTION', path, site, (error as Error).message);
      return;
    }
    try {
      checkIntensity(limits, backoff);
    } catch (error) {
      this.#fault('ERR_MILLRACE_WINDOW_TOO_SHORT', path, site, (error as Error).message);
    }
  }

  #oneOf(
    code: ErrorCode,
    name: string,
    value: string,
    allowed: readonly string[],
    path: string,
    site: string | undefined,
  ): void {
    if (!allowed.includes(value))
      this.#fault(
        code,
        path,
        site,
        `${name} is ${JSON.stringify(value)}: it must be one of ${allowed.join(', ')}`,
      );
  }

  #fault(code: ErrorCode, path: string, callSite: string | undefined, text: string): void {
    const at = callSite === undefined ? '' : ` at ${callSite}`;
    this.#faults.push(
      millraceError(code, `${path}${at}: ${text}`, {
        context: { actor: path, ...(callSite === undefined ? {} : { callSite }) },
      }),
    );
  }
}
