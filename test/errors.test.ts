import { readFileSync } from 'node:fs';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  CODES,
  type ErrorCode,
  type WireErrorObject,
  fromWire,
  MillraceError,
  millraceError,
  toWire,
  type WireError,
} from '../src/errors.ts';

/** Through a real port, as between threads. */
function clone(wire: WireError): WireError {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(wire);
  const received = receiveMessageOnPort(port2);
  port1.close();
  return received?.message as WireError;
}

const across = (thrown: unknown): Error => fromWire(clone(toWire(thrown)));

class BadThing extends TypeError {
  readonly code = 'E_X';
  readonly status = 503;
}

describe('MillraceError', () => {
  it('has code, retryable, context and cause', () => {
    const cause = new Error('below');
    const context = { actor: 'job/map#3', seq: 7 };
    const error = millraceError('ERR_MILLRACE_RING_GAP', 'expected 6', { context, cause });
    expect(error).toMatchObject({
      name: 'MillraceError',
      code: 'ERR_MILLRACE_RING_GAP',
      message: 'expected 6',
      retryable: false,
      context,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(MillraceError);
  });

  it('has no cause when none was given, and keeps one that is undefined', () => {
    expect('cause' in millraceError('ERR_MILLRACE_HANG', '')).toBe(false);
    expect('cause' in millraceError('ERR_MILLRACE_HANG', '', { cause: undefined })).toBe(true);
  });

  it('is retryable by its code, unless told otherwise', () => {
    expect(millraceError('ERR_MILLRACE_PEER_DOWN', '').retryable).toBe(true);
    expect(millraceError('ERR_MILLRACE_PEER_DOWN', '', { retryable: false }).retryable).toBe(false);
    expect(millraceError('ERR_MILLRACE_BAD_OPTION', '').retryable).toBe(false);
  });

  it('has a stack that begins at the caller', () => {
    function caller(): MillraceError {
      return millraceError('ERR_MILLRACE_HANG', 'x');
    }
    expect(caller().stack?.split('\n')[1]).toContain('caller');
  });

  it('I2: instanceof holds across copies of the package', async () => {
    const path = '../src/errors.ts?other';
    const other = (await import(path)) as typeof import('../src/errors.ts');
    const error = other.millraceError('ERR_MILLRACE_HANG', 'x');
    expect(other.MillraceError).not.toBe(MillraceError);
    expect(error instanceof MillraceError).toBe(true);
    expect(millraceError('ERR_MILLRACE_HANG', 'x') instanceof other.MillraceError).toBe(true);
  });

  it('instanceof is false for others, and a subclass means itself', () => {
    class Sub extends MillraceError {}
    for (const value of [new Error('x'), { code: 'ERR_MILLRACE_HANG' }, null, undefined, 'x']) {
      expect(value instanceof MillraceError).toBe(false);
    }
    expect(millraceError('ERR_MILLRACE_HANG', 'x') instanceof Sub).toBe(false);
    expect(new Sub('ERR_MILLRACE_HANG', 'x') instanceof Sub).toBe(true);
    expect(new Sub('ERR_MILLRACE_HANG', 'x') instanceof MillraceError).toBe(true);
  });
});

describe('I3: an error crosses a thread', () => {
  it('a MillraceError is whole on the other side', () => {
    const error = millraceError('ERR_MILLRACE_CONNECT', 'no broker', {
      context: { actor: 'a/b', batchId: 3, at: [1, { n: 2n }], when: new Date(5) },
      cause: new RangeError('port'),
    });
    const got = across(error) as MillraceError;
    expect(got instanceof MillraceError).toBe(true);
    expect(got).toMatchObject({
      name: 'MillraceError',
      code: 'ERR_MILLRACE_CONNECT',
      message: 'no broker',
      retryable: true,
      context: error.context,
    });
    expect(got.stack).toBe(error.stack);
    expect(got.cause).toBeInstanceOf(RangeError);
    expect(Object.keys(got)).toEqual(Object.keys(error));
  });

  it('keeps class name, built-in base, code and own fields of a user error', () => {
    const got = across(new BadThing('x')) as BadThing;
    expect(got).toBeInstanceOf(TypeError);
    expect(got).toMatchObject({ name: 'BadThing', message: 'x', code: 'E_X', status: 503 });
  });

  it('keeps what Node adds to a system error', () => {
    let thrown: unknown;
    try {
      readFileSync('/nowhere/at/all');
    } catch (error) {
      thrown = error;
    }
    expect(across(thrown)).toMatchObject({ code: 'ENOENT', syscall: 'open', errno: -2 });
  });

  it('keeps a chain of causes, and causes that are no errors', () => {
    const got = across(new Error('a', { cause: new TypeError('b', { cause: 42 }) }));
    expect((got.cause as Error).message).toBe('b');
    expect((got.cause as Error).cause).toBe(42);
  });

  it('keeps the members of an AggregateError', () => {
    const got = across(new AggregateError([new TypeError('a'), 'b'], 'all')) as AggregateError;
    expect(got).toBeInstanceOf(AggregateError);
    expect(got.message).toBe('all');
    expect(got.errors[0]).toBeInstanceOf(TypeError);
    expect(got.errors[1]).toBe('b');
  });

  it('keeps name and code of an AbortError', () => {
    const got = across(AbortSignal.abort().reason);
    expect(got).toMatchObject({ name: 'AbortError', code: 20 });
  });

  it('bounds a long message, a deep chain and many members', () => {
    let deep = new Error('0');
    for (let i = 1; i < 1000; i += 1) deep = new Error(`${i}`, { cause: deep });
    const many = new AggregateError(Array.from({ length: 1000 }, () => new Error('x'.repeat(1e5))));
    expect(JSON.stringify(toWire(deep)).length).toBeLessThan(100_000);
    expect((toWire(many) as WireErrorObject).errors).toHaveLength(32);
    expect((toWire(new Error('x'.repeat(1e6))) as WireErrorObject).message.length).toBeLessThan(
      20_000,
    );
  });

  it('comes back to the same wire form after a round trip', () => {
    for (const error of [
      new BadThing('x'),
      millraceError('ERR_MILLRACE_HANG', 'y', { cause: 1 }),
    ]) {
      const wire = toWire(error);
      expect(toWire(fromWire(clone(wire)))).toEqual(wire);
    }
  });

  it('survives msgpack too', () => {
    const packr = new Packr({ structuredClone: true, moreTypes: true });
    const wire = toWire(new BadThing('x', { cause: millraceError('ERR_MILLRACE_HANG', 'y') }));
    expect(packr.unpack(packr.pack(wire))).toEqual(wire);
  });
});

describe('I4: toWire never throws', () => {
  it('takes a chain that bites its tail', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    const got = across(a);
    expect((got.cause as Error).cause).toContain('cut');
  });

  it('takes getters that throw and revoked proxies', () => {
    const nasty = new Error('x');
    const bang = (): never => {
      throw new Error('bang');
    };
    for (const key of ['stack', 'message', 'name', 'code', 'cause', 'other']) {
      Object.defineProperty(nasty, key, { get: bang, enumerable: true });
    }
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    expect(across(nasty)).toBeInstanceOf(Error);
    expect(across(proxy)).toBeInstanceOf(Error);
    expect(across(new Error('y', { cause: proxy }))).toBeInstanceOf(Error);
  });

  it('takes context and fields that no encoder takes', () => {
    const error = millraceError('ERR_MILLRACE_BAD_ARGS', 'x', {
      context: { f: () => 1, s: Symbol('s'), w: new WeakMap(), m: new Map(), e: new Error('in') },
    });
    expect((across(error) as MillraceError).context).toEqual({
      f: '() => 1',
      s: 'Symbol(s)',
      w: '[object WeakMap]',
      m: '[object Map]',
      e: 'Error: in',
    });
  });

  it('I5: fromWire gives an error for anything that can be thrown', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        expect(across(thrown)).toBeInstanceOf(Error);
      }),
    );
  });
});

describe('I5: what was thrown and is no error', () => {
  it.each([['text'], [42], [undefined], [null], [{ a: 1 }]])('%j comes as the cause', (thrown) => {
    const got = across(thrown);
    expect(got.name).toBe('NonErrorThrown');
    expect(got.cause).toEqual(thrown);
  });
});

describe('I1: docs/errors.md', () => {
  const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
  const sections = page.split(/^## /m).slice(1);

  it('has one section for each code, in order, and no other', () => {
    const titles = sections.map((section) => section.slice(0, section.indexOf('\n')));
    expect(titles).toEqual(Object.keys(CODES).sort());
  });

  it('gives summary, cause and cure of each code', () => {
    for (const section of sections) {
      const [title, ...lines] = section.split('\n');
      const body = lines.join('\n');
      expect(body, title).toContain(CODES[title as ErrorCode]);
      expect(body, title).toMatch(/^\*\*Cause\.\*\* \S/m);
      expect(body, title).toMatch(/^\*\*Cure\.\*\* \S/m);
    }
  });
});
