/** What calls of a supervisor are refused with. Pure. */
import { fromWire, millraceError } from '../errors.ts';
import { describe, type ExitReason } from './exit-reason.ts';
import type { ChildState } from './life.ts';

export function duplicateId(path: string, id: string, state: ChildState): Error {
  return millraceError(
    'ERR_MILLRACE_DUPLICATE_ID',
    `${path} has a child ${id} already, which is ${state}`,
    { context: { actor: `${path}/${id}`, state } },
  );
}

export function noSuchChild(path: string, id: string): Error {
  return millraceError('ERR_MILLRACE_NO_SUCH_CHILD', `${path} has no child ${id}`, {
    context: { actor: `${path}/${id}` },
  });
}

/** @param path of the child */
export function wrongState(path: string, state: ChildState, wanted: ChildState): Error {
  return millraceError(
    'ERR_MILLRACE_BAD_TRANSITION',
    `${path} is ${state}, and must be ${wanted} for this`,
    { context: { actor: path, state } },
  );
}

/** @param path of the child */
export function notStarted(path: string, reason: ExitReason): Error {
  return millraceError(
    'ERR_MILLRACE_CHILD_START',
    `${path} could not be started: ${describe(reason)}`,
    {
      context: { actor: path, reason },
      ...('error' in reason ? { cause: fromWire(reason.error) } : {}),
    },
  );
}
