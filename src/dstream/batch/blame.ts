/** Turns what a batch's operator can't take into coded errors. What a user's function throws is passed on as it is. */
import { millraceError } from '../../errors.ts';
import { type Caller, shown } from '../arguments.ts';
import { BadKey } from '../keys/canonical.ts';
import { BadRecord } from '../run/blame.ts';
import { notPair } from '../run/records.ts';

/**
 * Runs what is Millrace's own.
 * @throws ERR_MILLRACE_KEY_TYPE, ERR_MILLRACE_RECORD_TYPE
 */
export function guarded<R>({ operator, callSite }: Caller, record: unknown, act: () => R): R {
  try {
    return act();
  } catch (error) {
    const where = `${operator} of a batch at ${callSite}`;
    const context = { operator, callSite, record: shown(record) };
    if (error instanceof BadKey) {
      throw millraceError(
        'ERR_MILLRACE_KEY_TYPE',
        `${where} can't take the key ${shown(error.key)}: ${error.message}`,
        { context },
      );
    }
    if (error instanceof BadRecord)
      throw millraceError('ERR_MILLRACE_RECORD_TYPE', `${where} ${error.message}`, { context });
    throw error;
  }
}

/** A record as a pair. */
export function pairOf(record: unknown): readonly [unknown, unknown] {
  if (!Array.isArray(record)) notPair(record);
  return record as unknown as readonly [unknown, unknown];
}
