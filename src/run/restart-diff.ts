/**
 * Does a job still fit the state that a directory has of it? What is new is welcome and begins empty; what had state and
 * is gone, or is such that its state means something else now, is not passed over in silence. Pure.
 */
import { type MillraceError, millraceError } from '../errors.ts';
import type { Plan } from '../plan/planned.ts';
import { missingMigrations } from '../plan/stateful.ts';
import type { JobRecord, StoredOperator } from '../supervision/checkpoint/manifest.ts';

/** State that the job has no use for. */
export interface Misfit {
  readonly uid: string;
  readonly kind: string;
  readonly callSite: string;
  /** What is wrong with it, as the end of a sentence about the operator. */
  readonly why: string;
}

export interface DiffOptions {
  readonly was: JobRecord;
  readonly is: JobRecord;
  readonly plan: Plan;
  /** Whether the directory has anything of the operator. */
  readonly hasState: (operator: StoredOperator) => boolean;
}

/** All state that doesn't fit, in the order of the old graph. */
export function misfits({ was, is, plan, hasState }: DiffOptions): Misfit[] {
  const now = new Map(is.operators.map((operator) => [operator.uid, operator]));
  return was.operators.flatMap((before) => {
    if (!hasState(before)) return [];
    const after = now.get(before.uid);
    const why = after === undefined ? 'is not in the job any more' : whyNot(before, after, plan);
    if (why === undefined) return [];
    const { uid, kind, callSite } = before;
    return [{ uid, kind, callSite, why }];
  });
}

function whyNot(was: StoredOperator, is: StoredOperator, plan: Plan): string | undefined {
  if (was.kind !== is.kind) return `was ${was.kind} and is ${is.kind} at ${is.callSite}`;
  if (was.partitions !== is.partitions)
    return `had ${was.partitions} partitions and has ${is.partitions}`;
  if ((was.stateLayout ?? '') !== (is.stateLayout ?? ''))
    return `had ${was.stateLayout ?? ''} and has ${is.stateLayout ?? ''}`;
  const [from, to] = [was.stateVersion ?? 1, is.stateVersion ?? 1];
  if (from === to) return undefined;
  const node = plan.graph.nodes.find(({ uid }) => uid === is.uid)!;
  const missing = missingMigrations(node, from);
  if (missing === undefined) return `has state of version ${from}, and is of version ${to} itself`;
  if (missing.length === 0) return undefined;
  return `has state of version ${from}, and no \`migrate\` from ${missing.join(', ')} to bring it to ${to}`;
}

/** @returns the uids whose state is let go; throws where that was not allowed */
export function droppedState(
  directory: string,
  found: readonly Misfit[],
  options: Pick<DiffOptions, 'was' | 'is'> & {
    readonly allowDroppedState: boolean | readonly string[];
  },
): ReadonlySet<string> {
  const { allowDroppedState: allowed } = options;
  const refused = found.filter(
    ({ uid }) => allowed !== true && (allowed === false || !allowed.includes(uid)),
  );
  if (refused.length > 0) throw refusal(directory, refused, options);
  return new Set(found.map(({ uid }) => uid));
}

function refusal(
  directory: string,
  refused: readonly Misfit[],
  { was, is }: Pick<DiffOptions, 'was' | 'is'>,
): MillraceError {
  const before = new Set(was.operators.map(({ uid }) => uid));
  const added = is.operators.filter(({ uid }) => !before.has(uid));
  const names = refused.map(({ uid }) => `'${uid}'`).join(', ');
  const unnamed = refused.some(({ uid }) => uid.includes('#'));
  const lines = [
    `${directory} has state that the job ${is.job} can't use any more:`,
    ...refused.map(
      ({ uid, kind, callSite, why }) => `  - ${titled(uid, kind)} at ${callSite} ${why}`,
    ),
    ...added.map(
      ({ uid, kind, callSite }) => `  + ${titled(uid, kind)} at ${callSite} is new and has none`,
    ),
    `Change it back; or let go of that state for good with allowDroppedState: [${names}].` +
      (unnamed
        ? " What has no name is numbered by place, so that others move up where one is removed: with named('…') an operator keeps its state wherever it stands."
        : ''),
  ];
  return millraceError('ERR_MILLRACE_STATE_DROPPED', lines.join('\n'), {
    context: { directory, job: is.job, operators: refused.map(({ uid }) => uid) },
  });
}

function titled(uid: string, kind: string): string {
  return uid.startsWith(`${kind}#`) ? uid : `${uid} (${kind})`;
}
