/** `--json`: each event as one JSON object on one line, errors in a plain form, nothing that JSON can't say. */

/** One line with a newline. `type` comes first, then when it was told. */
export function jsonLine(event: { readonly type: string }, now: number): string {
  const { type, ...rest } = event;
  const line = { type, at: new Date(now).toISOString(), ...rest };
  return `${JSON.stringify(line, plain)}\n`;
}

/** Of an error, one that came from another thread or not. */
export interface PlainError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly context?: unknown;
  readonly cause?: PlainError;
}

const MAX_CAUSES = 8;

export function plainError(thrown: unknown, depth = 0): PlainError {
  if (typeof thrown !== 'object' || thrown === null)
    return { name: 'NonErrorThrown', message: String(thrown) };
  const wire = thrown as Readonly<Record<string, unknown>>;
  if (wire['kind'] === 'value') return { name: 'NonErrorThrown', message: String(wire['value']) };
  const { name, message, code, cause } = wire;
  const context =
    wire['context'] ?? (wire['millrace'] as { context?: unknown } | undefined)?.context;
  return {
    name: String(name ?? 'Error'),
    ...(code === undefined ? {} : { code: String(code) }),
    message: String(message ?? ''),
    ...(context === undefined ? {} : { context }),
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: plainError(cause, depth + 1) }),
  };
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value];
  if (value instanceof Error) return plainError(value);
  // The form that errors have between threads.
  if (typeof value === 'object' && value !== null && 'base' in value && 'kind' in value) {
    return plainError(value);
  }
  return value;
}
