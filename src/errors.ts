/**
 * Every error that Millrace raises, and the form in which any error crosses a thread.
 *
 * Used from every thread and by every room; imports nothing, so that nothing can be in a cycle
 * with it.
 *
 * I1  `CODES` is the only list of codes. docs/errors.md has one anchor for each, and a test holds
 *     the two together.
 * I2  `instanceof MillraceError` holds for errors of another copy of this package (a test runner's
 *     and the native one, say): the brand decides, not the prototype.
 * I3  Structured clone drops an error's class, `code` and own fields. So errors cross threads only
 *     as `toWire(error)`: plain data, bounded in size, and safe to clone or to encode with msgpack.
 * I4  `toWire` takes whatever was thrown and never throws itself: not for a getter that throws, nor
 *     a revoked proxy, nor a chain of causes that bites its tail.
 * I5  `fromWire` gives an `Error` always. What was thrown and isn't an error comes as the `cause`
 *     of one.
 */

/** Code to one-line summary: the single list of codes. docs/errors.md has cause and cure. */
export const CODES = {
  ERR_MILLRACE_ALREADY_STARTED: 'The context or job has been started before.',
  ERR_MILLRACE_ASYNC_TIMEOUT: 'A promise for one record was not settled in time.',
  ERR_MILLRACE_BAD_ARGS: 'The arguments of the job are not what it takes, or cannot be cloned.',
  ERR_MILLRACE_BAD_DURATION: 'A duration is neither milliseconds nor text such as "500ms" or "5m".',
  ERR_MILLRACE_BAD_FILE: 'A file is cut off, or is not what its source reads.',
  ERR_MILLRACE_BAD_OPTION: 'An option is unknown, of the wrong type or out of its bounds.',
  ERR_MILLRACE_BAD_RECORD: 'A line of JSON or CSV cannot be parsed.',
  ERR_MILLRACE_BAD_SCRIPT: 'A chaos script says something that can not be done.',
  ERR_MILLRACE_BAD_SPEC: 'A supervisor cannot start: its tree of specs has faults.',
  ERR_MILLRACE_BAD_TOPOLOGY: 'A topology has mistakes; the error lists all of them.',
  ERR_MILLRACE_BAD_TRANSITION:
    'A state machine was asked for a step that its table does not allow.',
  ERR_MILLRACE_BATCH_TOO_LARGE: 'A batch gathered in one place is larger than maxGatherBytes.',
  ERR_MILLRACE_BEHAVIOUR:
    'What was given to spawn is no behaviour, or no other thread can load it.',
  ERR_MILLRACE_BOOTSTRAP: 'A worker thread ended or failed before it was ready.',
  ERR_MILLRACE_BUILD: 'The builder of a job threw, or gave a promise.',
  ERR_MILLRACE_BUNDLED: 'Millrace was bundled into the program, so its worker file is missing.',
  ERR_MILLRACE_CALL_TIMEOUT: 'A call to another thread was not answered before its deadline.',
  ERR_MILLRACE_CHECKPOINT_CORRUPT:
    'A file of a checkpoint is cut, changed or missing, or of another version of Millrace.',
  ERR_MILLRACE_CHECKPOINT_MISFIT:
    'A checkpoint directory is that of another job, of another batch interval, or of a newer version of Millrace.',
  ERR_MILLRACE_CHILD_START: 'A child could not be started by its supervisor.',
  ERR_MILLRACE_CONNECT: 'A source or sink cannot reach the other side.',
  ERR_MILLRACE_DIR_IN_USE: 'Another run works in the checkpoint directory.',
  ERR_MILLRACE_DUPLICATE_ID: 'Two children of a supervisor, or two actors, have the same name.',
  ERR_MILLRACE_CYCLE: 'Stages of a topology read each other in a circle.',
  ERR_MILLRACE_DUPLICATE_NAME: 'Two parts of a topology have the same name.',
  ERR_MILLRACE_EMPTY_BATCH: 'A batch without records has no first one.',
  ERR_MILLRACE_FENCED: 'A part that was replaced tried to go on.',
  ERR_MILLRACE_GRAPH_FROZEN: 'The graph was changed after the start.',
  ERR_MILLRACE_GRAPH_MISMATCH: 'A thread built another graph from the same job.',
  ERR_MILLRACE_HANG: 'A task made no progress for hangTimeoutMs.',
  ERR_MILLRACE_JOB_FILE_MISSING: 'The file of the job does not exist or cannot be read.',
  ERR_MILLRACE_JOB_FILE_THREW: 'The file of the job threw while it was loaded.',
  ERR_MILLRACE_JOB_NOT_FOUND: 'The file was loaded, but the job was not defined in it.',
  ERR_MILLRACE_JOB_NOT_LOADABLE: 'The job was defined where no other thread can load it.',
  ERR_MILLRACE_KEY_TYPE: 'A key is of a type that has no value to compare by.',
  ERR_MILLRACE_LOG_CORRUPT: 'The log of a source has lost or changed what it had on disk.',
  ERR_MILLRACE_LINE_TOO_LONG: 'A line of text is longer than the source allows.',
  ERR_MILLRACE_MISSING_BATCH: 'An operator needs a batch that is missing or no longer kept.',
  ERR_MILLRACE_NOT_ENCODABLE: 'A value has no form in which it could cross to another thread.',
  ERR_MILLRACE_NOT_REMEMBERED:
    'A batch that slice asks for is not kept: the stream is not remembered for so long.',
  ERR_MILLRACE_NOT_STARTED: 'The context or job has not been started yet.',
  ERR_MILLRACE_NO_JOB: 'There is no job to run in the file or value that was given.',
  ERR_MILLRACE_NO_OUTPUT: 'The graph has no output, so there is nothing to do.',
  ERR_MILLRACE_NO_RUN: 'There is no run to act on.',
  ERR_MILLRACE_NO_SUCH_STATE: 'A query names a state that the job does not have.',
  ERR_MILLRACE_NO_SUCH_CHILD: 'A supervisor was asked about a child that it does not have.',
  ERR_MILLRACE_NO_SCRIPT: 'The file of a chaos script does not export one.',
  ERR_MILLRACE_OUTPUT_UNREAD: 'Nobody reads an output of a stage.',
  ERR_MILLRACE_PEER_DOWN: 'The thread that was called is gone.',
  ERR_MILLRACE_POISON: 'Records kill the tasks that take them, each time.',
  ERR_MILLRACE_QUARANTINE_FULL: 'More threads would not end than may be left behind.',
  ERR_MILLRACE_REACHED_MAX_RESTARTS: 'A part failed more often than its supervisor may restart it.',
  ERR_MILLRACE_RECORD_TOO_LARGE: 'A record is larger than an edge or source can carry.',
  ERR_MILLRACE_RECORD_TYPE: 'A record is not of the type that the operator takes.',
  ERR_MILLRACE_RING_CORRUPT: 'A frame in a ring has a bad length, magic or checksum.',
  ERR_MILLRACE_RING_GAP: 'A sequence number in a ring was skipped or repeated.',
  ERR_MILLRACE_SIGNIFICANT_CHILD: 'A child is significant where that has no meaning.',
  ERR_MILLRACE_SLIDES_DIFFER:
    'An operator takes streams that have their batches at different times.',
  ERR_MILLRACE_SPEC_CYCLE: 'A supervisor is below itself in its own tree.',
  ERR_MILLRACE_RSS_LIMIT: 'The process has more in memory than maxRssMb allows.',
  ERR_MILLRACE_STAGE_NO_INPUT: 'A stage or sink reads nothing, or what is not there.',
  ERR_MILLRACE_STATE_DROPPED: 'A checkpoint has state that the job has no use for any more.',
  ERR_MILLRACE_STATE_STORE: 'State is to be kept on disk, and nothing is there to do so.',
  ERR_MILLRACE_STATE_USE: 'A function used the state of a key in a way that is not allowed.',
  ERR_MILLRACE_STATE_VERSION: 'State of a checkpoint is of a version that the job can not read.',
  ERR_MILLRACE_STOPPED: 'The context or job has been stopped.',
  ERR_MILLRACE_STOP_DEADLINE: 'The graceful stop was not finished at its deadline.',
  ERR_MILLRACE_THREAD_DIED: 'A thread ended without being asked to.',
  ERR_MILLRACE_TS_LOADER: 'A TypeScript job cannot be loaded in a worker thread of this Node.',
  ERR_MILLRACE_UNKNOWN_STRATEGY: 'A supervisor has a restart strategy that does not exist.',
  ERR_MILLRACE_UNKNOWN_OUTPUT: 'A stage has no output of that name, or nobody reads it that way.',
  ERR_MILLRACE_UNSUPPORTED: 'The combination that was asked for is not supported.',
  ERR_MILLRACE_TIMESTAMP: 'A record has no timestamp, or one too far in the future.',
  ERR_MILLRACE_USER_FUNCTION: 'A function given by the job threw or rejected.',
  ERR_MILLRACE_WINDOW_KEY_UNKNOWN:
    'Values of a key leave a window that has no result for that key to take them from.',
  ERR_MILLRACE_WINDOW_MULTIPLE:
    'A window or its slide is no multiple of how often the stream before it has a batch.',
  ERR_MILLRACE_WINDOW_TOO_SHORT:
    'A restart limit could never be reached: its window is shorter than the backoff.',
} as const;

/** One of the codes in {@link CODES}. */
export type ErrorCode = keyof typeof CODES;

/** What passes by itself, so that the same act may work later. Others say so by option. */
const RETRYABLE: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_MILLRACE_CALL_TIMEOUT',
  'ERR_MILLRACE_CONNECT',
  'ERR_MILLRACE_PEER_DOWN',
  'ERR_MILLRACE_THREAD_DIED',
]);

/**
 * Where an error happened and with what. The named ones mean the same everywhere; anything else
 * that helps may be added.
 */
export interface ErrorContext {
  /** Path of the actor, as in `job/region-1/map#3`. */
  readonly actor?: string;
  /** Epoch of the edge or region. */
  readonly epoch?: number;
  /** Time of the batch, in ms. */
  readonly batchId?: number;
  /** Sequence number on the edge. */
  readonly seq?: number;
  readonly [key: string]: unknown;
}

/** What {@link MillraceError} and {@link millraceError} take besides code and message. */
export interface MillraceErrorOptions {
  /** Where it happened and with what. @default {} */
  readonly context?: ErrorContext;
  /** What it came from: an error, or whatever else was thrown. */
  readonly cause?: unknown;
  /** Whether the same act may work later. @default what the code says */
  readonly retryable?: boolean;
}

const BRAND: unique symbol = Symbol.for('millrace.error') as never;

/**
 * An error raised by Millrace. Match on `code`, never on the message.
 *
 * @example
 * try {
 *   await running.awaitTermination();
 * } catch (error) {
 *   if (error instanceof MillraceError && error.code === 'ERR_MILLRACE_USER_FUNCTION') …
 * }
 */
export class MillraceError extends Error {
  /** One of the codes of docs/errors.md. */
  readonly code: ErrorCode;
  /** Whether the same act may work later. */
  readonly retryable: boolean;
  /** Where it happened and with what. */
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.context = options.context ?? {};
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass inherits this method but means its own prototype.
    if (this !== MillraceError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && peek(value, BRAND) === true;
  }
}
// On the prototype and not enumerable, so that neither shows when an error is printed.
Object.defineProperty(MillraceError.prototype, 'name', {
  value: 'MillraceError',
  writable: true,
  configurable: true,
});
Object.defineProperty(MillraceError.prototype, BRAND, { value: true });

/**
 * Makes a {@link MillraceError} whose stack begins at the caller.
 *
 * @example
 * throw millraceError('ERR_MILLRACE_NO_OUTPUT', 'job "clicks" has no output', { context: { job } });
 */
export function millraceError(
  code: ErrorCode,
  message: string,
  options?: MillraceErrorOptions,
): MillraceError {
  const error = new MillraceError(code, message, options);
  Error.captureStackTrace(error, millraceError);
  return error;
}

// ── Across threads ──────────────────────────────────────────────────────────────────────────────

/** An error as plain data. Made by {@link toWire}, read by {@link fromWire}. */
export interface WireErrorObject {
  readonly kind: 'error';
  /** The class, as the author called it (`BadThing`), or the `name` that was set. */
  readonly name: string;
  /** The built-in class it derives from, which `fromWire` builds again. */
  readonly base: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  /** Present when it was a {@link MillraceError}. */
  readonly millrace?: { readonly retryable: boolean; readonly context: ErrorContext };
  /** Other own fields, such as `errno`, `syscall`, `path`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Present when there was a `cause`, be it `undefined`. */
  readonly cause?: WireError;
  /** The members of an `AggregateError`. */
  readonly errors?: readonly WireError[];
}

/** What was thrown and isn't an error, as plain data. */
export interface WireThrownValue {
  readonly kind: 'value';
  readonly value: unknown;
}

/** Anything that was thrown, as plain data. */
export type WireError = WireErrorObject | WireThrownValue;

/** Bounds of the wire form (I3). A message that carries a whole record must not fill a ring. */
const MAX_CAUSES = 16;
const MAX_MEMBERS = 32;
const MAX_MESSAGE = 16_384;
const MAX_STACK = 32_768;
const MAX_DEPTH = 4;
const MAX_ENTRIES = 64;

const BUILT_IN: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

/** Turns whatever was thrown into plain data that survives a thread. Never throws. */
export function toWire(thrown: unknown): WireError {
  return encode(thrown, new Set(), 0);
}

/** Builds again what {@link toWire} took. What isn't an error comes as the `cause` of one. */
export function fromWire(wire: WireError): Error {
  if (wire.kind === 'error') return decodeError(wire);
  const value = wire.value;
  const error = new Error(`not an error was thrown: ${show(value)}`, { cause: value });
  hide(error, 'name', 'NonErrorThrown');
  return error;
}

function encode(thrown: unknown, seen: Set<unknown>, depth: number): WireError {
  if (!isError(thrown)) return { kind: 'value', value: plain(thrown, 0) };
  if (seen.has(thrown) || depth > MAX_CAUSES) {
    return { kind: 'value', value: `[the chain of causes was cut at ${className(thrown)}]` };
  }
  seen.add(thrown);
  const wire: Mutable<WireErrorObject> = {
    kind: 'error',
    name: className(thrown),
    base: baseName(thrown),
    message: cut(text(peek(thrown, 'message')), MAX_MESSAGE),
  };
  const stack = peek(thrown, 'stack');
  if (typeof stack === 'string') wire.stack = cut(stack, MAX_STACK);
  const code = peek(thrown, 'code');
  if (typeof code === 'string' || typeof code === 'number') wire.code = code;
  if (peek(thrown, BRAND) === true) {
    wire.millrace = {
      retryable: peek(thrown, 'retryable') === true,
      context: plain(peek(thrown, 'context') ?? {}, 0) as ErrorContext,
    };
  }
  const fields = ownFields(thrown, wire.millrace !== undefined);
  if (fields !== undefined) wire.fields = fields;
  if (has(thrown, 'cause')) wire.cause = encode(peek(thrown, 'cause'), seen, depth + 1);
  const errors = peek(thrown, 'errors');
  if (wire.base === 'AggregateError' && Array.isArray(errors)) {
    wire.errors = errors.slice(0, MAX_MEMBERS).map((each) => encode(each, seen, depth + 1));
  }
  return wire;
}

function decode(wire: WireError): unknown {
  return wire.kind === 'error' ? decodeError(wire) : wire.value;
}

function decodeError(wire: WireErrorObject): Error {
  let error: Error;
  if (wire.millrace !== undefined) {
    error = new MillraceError(wire.code as ErrorCode, wire.message, wire.millrace);
  } else if (wire.base === 'AggregateError') {
    error = new AggregateError((wire.errors ?? []).map(decode), wire.message);
  } else {
    error = new (BUILT_IN[wire.base] ?? Error)(wire.message);
  }
  if (wire.name !== error.name) hide(error, 'name', wire.name);
  if (wire.stack === undefined) Reflect.deleteProperty(error, 'stack');
  else hide(error, 'stack', wire.stack);
  if (wire.cause !== undefined) hide(error, 'cause', decode(wire.cause));
  if (wire.code !== undefined && wire.millrace === undefined) assign(error, 'code', wire.code);
  for (const [key, value] of Object.entries(wire.fields ?? {})) assign(error, key, value);
  return error;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NOT_FIELDS: ReadonlySet<string> = new Set([
  'name',
  'message',
  'stack',
  'code',
  'cause',
  'errors',
  '__proto__',
]);

function ownFields(error: object, millrace: boolean): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const key of keysOf(error)) {
    if (NOT_FIELDS.has(key)) continue;
    if (millrace && (key === 'retryable' || key === 'context')) continue;
    const value = peek(error, key);
    if (typeof value === 'function') continue;
    fields ??= {};
    fields[key] = isError(value) ? text(peek(value, 'message')) : plain(value, 1);
  }
  return fields;
}

/** A bounded copy that any encoder takes: what has no plain form is shown as text. */
function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return cut(value, MAX_MESSAGE);
    case 'function':
    case 'symbol':
      return show(value);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (isError(value)) return `${className(value)}: ${text(peek(value, 'message'))}`;
  try {
    if (value instanceof Date) return new Date(value.getTime());
    if (depth >= MAX_DEPTH) return show(value);
    if (Array.isArray(value)) {
      return value.slice(0, MAX_ENTRIES).map((each) => plain(each, depth + 1));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return show(value);
    const copy: Record<string, unknown> = {};
    for (const key of keysOf(value).slice(0, MAX_ENTRIES)) {
      if (key !== '__proto__') copy[key] = plain(peek(value, key), depth + 1);
    }
    return copy;
  } catch {
    return show(value);
  }
}

function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  try {
    // The tag finds errors of another realm, such as a test runner's vm context.
    return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
  } catch {
    return false;
  }
}

/** The `name` that was set, or else the class: `class BadThing extends Error` sets no name. */
function className(error: object): string {
  const name = text(peek(error, 'name'));
  const constructor = peek(error, 'constructor');
  const own = typeof constructor === 'function' ? text(peek(constructor, 'name')) : '';
  const inherited = name === '' || name === 'AggregateError' || Object.hasOwn(BUILT_IN, name);
  return (inherited && own !== '' ? own : name) || 'Error';
}

function baseName(error: object): string {
  try {
    let at: unknown = Object.getPrototypeOf(error);
    while (typeof at === 'object' && at !== null) {
      const constructor = peek(at, 'constructor');
      const name = typeof constructor === 'function' ? text(peek(constructor, 'name')) : '';
      if (name === 'AggregateError' || Object.hasOwn(BUILT_IN, name)) return name;
      at = Object.getPrototypeOf(at);
    }
  } catch {
    // A proxy that was revoked: it was an error once, and that is all there is to say.
  }
  return 'Error';
}

function peek(from: object, key: PropertyKey): unknown {
  try {
    return (from as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

function has(object: object, key: string): boolean {
  try {
    return key in object;
  } catch {
    return false;
  }
}

function keysOf(object: object): string[] {
  try {
    return Object.keys(object);
  } catch {
    return [];
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : show(value);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value, 200));
  try {
    return cut(String(value), 200);
  } catch {
    return `[${typeof value}]`;
  }
}

function cut(value: string, length: number): string {
  if (value.length <= length) return value;
  return `${value.slice(0, length)}… (${value.length - length} more)`;
}

/** Sets what an error's own `stack` and `cause` are: there, but not enumerable. */
function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

function assign(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}
