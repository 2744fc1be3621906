/**
 * Calls from one thread to an object in another: the control plane (start, stop, status), never
 * data. The only file that knows comlink, which matches answers to calls. What comlink leaves open
 * is closed here: a call to a dead peer would never settle, and errors would lose class, code and
 * cause.
 *
 *   caller                                    callee
 *   connect(port).call.stop(3) ──request──▶   expose(port, { stop(n) {…} })
 *            ▲                 ◀──answer───
 *            └── or ERR_MILLRACE_CALL_TIMEOUT, or ERR_MILLRACE_PEER_DOWN
 *
 * I1  Every call settles: with the answer, the callee's error, at its deadline, or at once when the
 *     peer is down. Nothing that comes later changes it.
 * I2  A call that was posted before `expose` waits in the port and is answered.
 * I3  An error arrives whole: class name, code, cause, stack (`toWire`).
 * I4  Only own methods of the exposed object can be called.
 *
 * A callee that blocks its event loop takes calls in with `port.poll()`. The answer leaves when it
 * next returns to the loop: comlink answers from a promise.
 */
import * as comlink from 'comlink';
import { deadline } from '../env/deadline.ts';
import type { Clock, Timer } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { fromWire, millraceError, toWire, type WireError } from '../errors.ts';
import { describe, type ExitReason } from './exit.ts';

/** A port for calls; `connect` and `expose` may share one, so that calls go both ways. */
export type ControlPort = Port<unknown, unknown>;

// eslint-disable-next-line typescript/no-explicit-any -- only `any` accepts methods of every type
type Method = (...args: any[]) => unknown;

/** An object whose methods can be called from another thread. Arguments and results are cloned. */
export type ControlApi<Api> = { readonly [Name in keyof Api]: Method };

/** The methods of an exposed object, as the caller sees them. */
export type Remote<Api extends ControlApi<Api>> = {
  readonly [Name in keyof Api]: (
    ...args: Parameters<Api[Name]>
  ) => Promise<Awaited<ReturnType<Api[Name]>>>;
};

export interface ConnectOptions {
  readonly clock: Clock;
  /** Who is called, for errors: `job/worker-1`. */
  readonly path: string;
  /** Which life of it. */
  readonly incarnation?: number;
  /** When a call is given up, in ms. @default 5000 */
  readonly deadlineMs?: number;
}

export interface Connection<Api extends ControlApi<Api>> {
  /** Calls with the default deadline. */
  readonly call: Remote<Api>;
  /** Calls with a deadline of their own, in ms. */
  within(deadlineMs: number): Remote<Api>;
  /** Calls that are not settled. */
  readonly pending: number;
  /** The peer is gone, says whoever knows: rejects what is pending, and every later call. */
  down(reason?: ExitReason): void;
  /** As `down`, and closes the port. */
  close(): void;
}

/** What goes along with results; comlink keeps the like for arguments, and shows it to nobody. */
const transfers = new WeakMap<object, readonly unknown[]>();

/** Lets `value`, an argument or a result, take these ports or buffers with it to the other thread. */
export function withTransfer<T extends object>(value: T, transfer: readonly unknown[]): T {
  transfers.set(value, transfer);
  return comlink.transfer(value, [...transfer] as never[]);
}

/** What the callee answers; an error of the method is an answer too. */
type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: WireError };

interface Callee {
  answer(method: string, ...args: unknown[]): Promise<Answer>;
}

/** Makes the own methods of `api` callable through `port`. */
export function expose<Api extends ControlApi<Api>>(port: ControlPort, api: Api): void {
  const callee: Callee = {
    async answer(method, ...args) {
      try {
        const target: unknown = Object.hasOwn(api, method) ? api[method as keyof Api] : undefined;
        if (typeof target !== 'function') {
          throw millraceError('ERR_MILLRACE_UNSUPPORTED', `there is no call "${method}" here`, {
            context: { method },
          });
        }
        const value: unknown = await target.apply(api, args);
        const transfer = transfers.get(value as object) ?? [];
        return withTransfer<Answer>({ ok: true, value }, transfer);
      } catch (error) {
        return { ok: false, error: toWire(error) };
      }
    },
  };
  comlink.expose(callee, endpointOf(port) as unknown as comlink.Endpoint);
}

/**
 * Calls what is exposed at the other end of `port`.
 * @throws each call rejects with the callee's error, or `ERR_MILLRACE_CALL_TIMEOUT`, or
 *   `ERR_MILLRACE_PEER_DOWN`
 */
export function connect<Api extends ControlApi<Api>>(
  port: ControlPort,
  options: ConnectOptions,
): Connection<Api> {
  return new ControlConnection<Api>(port, options);
}

interface Call {
  readonly method: string;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

class ControlConnection<Api extends ControlApi<Api>> implements Connection<Api> {
  readonly call: Remote<Api>;
  #port: ControlPort;
  #options: ConnectOptions;
  #answer: Callee['answer'];
  #calls = new Set<Call>();
  #down: { readonly reason: ExitReason | undefined } | undefined;

  constructor(port: ControlPort, options: ConnectOptions) {
    this.#port = port;
    this.#options = options;
    const remote = comlink.wrap<Callee>(endpointOf(port) as unknown as comlink.Endpoint);
    this.#answer = remote.answer as unknown as Callee['answer'];
    port.onClose(() => this.down());
    this.call = this.within(options.deadlineMs ?? 5000);
  }

  get pending(): number {
    return this.#calls.size;
  }

  within(deadlineMs: number): Remote<Api> {
    if (!(deadlineMs > 0 && deadlineMs < Infinity)) {
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `deadlineMs is ${String(deadlineMs)}: every call needs a deadline, a number of ms above 0`,
        { context: { option: 'deadlineMs', value: deadlineMs } },
      );
    }
    return new Proxy(Object.create(null) as Remote<Api>, {
      get: (_, method) => {
        // Else `await connection.call` would take it for a promise.
        if (typeof method !== 'string' || method === 'then') return undefined;
        return (...args: unknown[]) => this.#invoke(method, args, deadlineMs);
      },
    });
  }

  down(reason?: ExitReason): void {
    if (this.#down !== undefined) return;
    this.#down = { reason };
    for (const call of this.#calls) {
      call.timer.cancel();
      call.reject(this.#peerDown(call.method));
    }
    this.#calls.clear();
  }

  close(): void {
    this.down();
    this.#port.close();
  }

  #invoke(method: string, args: unknown[], deadlineMs: number): Promise<unknown> {
    if (this.#down !== undefined) return Promise.reject(this.#peerDown(method));
    return new Promise((resolve, reject) => {
      const call: Call = {
        method,
        reject,
        timer: deadline(this.#options.clock, deadlineMs, () => {
          this.#calls.delete(call);
          reject(this.#timedOut(method, deadlineMs));
        }),
      };
      this.#calls.add(call);
      this.#answer(method, ...args).then(
        (answer) => {
          if (!this.#settle(call)) return;
          if (answer.ok) resolve(answer.value);
          else reject(fromWire(answer.error));
        },
        // An argument or result that can't be cloned.
        (error: unknown) => {
          if (this.#settle(call)) reject(error as Error);
        },
      );
    });
  }

  #settle(call: Call): boolean {
    if (!this.#calls.delete(call)) return false;
    call.timer.cancel();
    return true;
  }

  #timedOut(method: string, deadlineMs: number): Error {
    const { path } = this.#options;
    return millraceError(
      'ERR_MILLRACE_CALL_TIMEOUT',
      `${path} did not answer ${method}() within ${deadlineMs} ms: it is blocked, overloaded, or not ready yet`,
      { context: { ...this.#context(method), deadlineMs } },
    );
  }

  #peerDown(method: string): Error {
    const reason = this.#down?.reason;
    const why = reason === undefined ? '' : ` (${describe(reason)})`;
    const context = { ...this.#context(method), ...(reason === undefined ? {} : { reason }) };
    return millraceError(
      'ERR_MILLRACE_PEER_DOWN',
      `${this.#options.path} is gone${why}: ${method}() has no answer, and may have run or not`,
      reason !== undefined && 'error' in reason
        ? { context, cause: fromWire(reason.error) }
        : { context },
    );
  }

  #context(method: string): Record<string, unknown> {
    const { path, incarnation } = this.#options;
    return { actor: path, method, ...(incarnation === undefined ? {} : { incarnation }) };
  }
}

// ── The endpoint that comlink talks to ──────────────────────────────────────────────────────────

interface MessageLike {
  readonly data: unknown;
}
type Listener = ((event: MessageLike) => void) | { handleEvent(event: MessageLike): void };

interface ControlEndpoint {
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
  addEventListener(type: string, listener: Listener): void;
  removeEventListener(type: string, listener: Listener): void;
}

/** One a port, so that calls in both directions can share it. */
const endpoints = new WeakMap<ControlPort, ControlEndpoint>();

function endpointOf(port: ControlPort): ControlEndpoint {
  const known = endpoints.get(port);
  if (known !== undefined) return known;
  const listeners = new Set<Listener>();
  const endpoint: ControlEndpoint = {
    postMessage: (message, transfer) => port.post(message, transfer),
    addEventListener(_, listener) {
      const first = listeners.size === 0;
      listeners.add(listener);
      if (!first) return;
      port.onMessage((data) => {
        for (const each of listeners) {
          if (typeof each === 'function') each({ data });
          else each.handleEvent({ data });
        }
      });
    },
    removeEventListener: (_, listener) => void listeners.delete(listener),
  };
  endpoints.set(port, endpoint);
  return endpoint;
}
