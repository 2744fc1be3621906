/**
 * Turns what was thrown inside a loop into a coded error that says where, with which record, and why.
 *
 * A loop keeps no more than the number of the operator at work and its record (`compile.ts`), which costs it nothing;
 * all the rest is looked up here, once something was thrown.
 */
import { inspect } from 'node:util';
import { type ErrorCode, type MillraceError, millraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import { BadKey } from '../keys/canonical.ts';
import { BadStateUse } from '../state/state-handle.ts';

/** A record that the operator can't take: no text, no pair, nothing to iterate. */
export class BadRecord extends Error {
  /** The record itself, where it isn't the one in hand. */
  readonly record: { readonly value: unknown } | undefined;
  readonly code: ErrorCode;

  constructor(
    message: string,
    record?: { readonly value: unknown },
    code: ErrorCode = 'ERR_MILLRACE_RECORD_TYPE',
  ) {
    super(message);
    this.record = record;
    this.code = code;
  }
}

/** Text that is no record of its format; `at` says where it stood, if it came from a file. */
export class BadText extends Error {
  readonly at: { readonly file: string; readonly line: number } | undefined;

  constructor(message: string, at?: { readonly file: string; readonly line: number }) {
    super(message);
    this.at = at;
  }
}

/** Throws the error of operator `op` (an index into the chain's operators), which had `record` in hand. */
export type Blame = (error: unknown, op: number, record: unknown) => never;

const MAX_RECORD_LENGTH = 500;

/** Where a user function was called, as far as it is known. */
export interface Scene {
  /** None for outputs: they have all partitions. */
  readonly partition?: number;
  /** Batch time in ms; unknown while the batch is open. */
  readonly time?: number | undefined;
  /** Present when a record was in hand. */
  readonly record?: { readonly value: unknown } | undefined;
}

/** The coded error for what operator `node` threw. */
export function blamed(error: unknown, node: GraphNode, scene: Scene): MillraceError {
  const inHand = (error instanceof BadRecord ? error.record : undefined) ?? scene.record;
  const record = inHand === undefined ? undefined : shown(inHand.value);
  const context = {
    operator: node.uid,
    kind: nameOf(node),
    callSite: node.callSite,
    ...(scene.partition === undefined ? {} : { partition: scene.partition }),
    ...(record === undefined ? {} : { record }),
    ...(scene.time === undefined ? {} : { batchId: scene.time }),
  };
  const where = `${nameOf(node)} (${node.uid}) at ${node.callSite}`;
  const withRecord = record === undefined ? '' : `; record: ${record}`;
  if (error instanceof BadKey) {
    return millraceError(
      'ERR_MILLRACE_KEY_TYPE',
      `${where} can't take the key ${shown(error.key)}: ${error.message}${withRecord}`,
      { context },
    );
  }
  if (error instanceof BadStateUse) {
    return millraceError(
      'ERR_MILLRACE_STATE_USE',
      `${where}, key ${shown(error.key)}: ${error.message}`,
      { context: { ...context, key: shown(error.key) }, cause: error },
    );
  }
  if (error instanceof BadText) {
    const { at } = error;
    const place = at === undefined ? 'a record' : `line ${at.line} of ${at.file}`;
    return millraceError(
      'ERR_MILLRACE_BAD_RECORD',
      `${where}: ${place} ${error.message}${withRecord}. Mend it, or pass such records over: onBadRecord: 'deadLetter'`,
      { context: { ...context, ...at } },
    );
  }
  if (error instanceof BadRecord) {
    return millraceError(error.code, `${where} ${error.message}${withRecord}`, {
      context,
    });
  }
  return millraceError(
    'ERR_MILLRACE_USER_FUNCTION',
    `${where}: its function threw: ${messageOf(error)}${withRecord}`,
    { context, cause: error },
  );
}

/** The error of a batch that an operator needs and does not have. */
export function missingBatch(node: GraphNode, time: number): MillraceError {
  return millraceError(
    'ERR_MILLRACE_MISSING_BATCH',
    `${nameOf(node)} (${node.uid}) at ${node.callSite} needs a batch of each parent, and a source had none at ${time} ms; give an empty batch instead of a missing one`,
    { context: { operator: node.uid, kind: nameOf(node), callSite: node.callSite, batchId: time } },
  );
}

/** What the user called it: reduceByKey is a combineByKey in the graph. */
function nameOf(node: GraphNode): string {
  return typeof node.params['operator'] === 'string' ? node.params['operator'] : node.kind;
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : shown(error);
  } catch {
    return "something that can't be shown";
  }
}

function shown(value: unknown): string {
  let text: string;
  try {
    text = inspect(value, {
      depth: 3,
      maxArrayLength: 16,
      maxStringLength: 200,
      breakLength: Infinity,
    });
  } catch {
    return `[${typeof value}]`;
  }
  return text.length <= MAX_RECORD_LENGTH
    ? text
    : `${text.slice(0, MAX_RECORD_LENGTH)}… (${text.length - MAX_RECORD_LENGTH} more)`;
}
