/** What a call throws, as these tests look at it. */
import { MillraceError, type ErrorCode } from '../../src/errors.ts';

export function thrownBy(act: () => unknown): MillraceError {
  try {
    act();
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error('nothing was thrown');
}

export async function rejectedBy(act: () => Promise<unknown>): Promise<MillraceError> {
  try {
    await act();
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error('nothing was thrown');
}

export function isMillrace(error: unknown, code: ErrorCode): boolean {
  return error instanceof MillraceError && error.code === code;
}
