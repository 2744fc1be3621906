/** What operators that call a function for each record do where it throws. */
import { badOption, type Caller, checkOptions } from './arguments.ts';
import type { OnRecordError } from './run/dead-letter.ts';

/** Of operators that call a function for each record. */
export interface RecordOptions {
  /**
   * What becomes of a record at which the function throws: its batch fails, or the record is passed over, counted, and
   * told of as a `deadLetter`. @default the run's `supervision.onRecordError`, which is 'fail'
   */
  readonly onRecordError?: OnRecordError;
}

export function recordParams(
  caller: Caller,
  options: unknown,
): { readonly onRecordError?: OnRecordError | undefined } {
  if (options === undefined) return {};
  checkOptions(caller, options, ['onRecordError']);
  return onRecordErrorOf(caller, options as RecordOptions);
}

/** The option among others. */
export function onRecordErrorOf(
  caller: Caller,
  { onRecordError }: RecordOptions,
): { readonly onRecordError?: OnRecordError | undefined } {
  if (onRecordError !== undefined && onRecordError !== 'fail' && onRecordError !== 'skip')
    throw badOption(caller, 'onRecordError', "'fail' or 'skip'", onRecordError);
  return { onRecordError };
}
