/**
 * Windows of event time, as users say them, and what of them results carry. Pure.
 *
 * A window is `[start, end)`, in ms since 1970. A record is in it when its timestamp is.
 */
import { badOption, type Caller } from '../arguments.ts';
import { type Duration, durationMs } from '../duration.ts';

/** A window as the key of a result. */
export interface Windowed<K> {
  readonly key: K;
  /** First ms of the window. */
  readonly start: number;
  /** First ms behind it. */
  readonly end: number;
}

/** The window of a result that has no key. */
export type TimeWindow = Omit<Windowed<never>, 'key'>;

/** A kind of window: made by `tumbling`, `sliding` and `session`. Plain data. */
export type WindowKind =
  | {
      readonly kind: 'sliding';
      readonly operator: 'tumbling' | 'sliding';
      readonly size: Duration;
      readonly slide: Duration;
      readonly offset: Duration;
    }
  | { readonly kind: 'session'; readonly operator: 'session'; readonly gap: Duration };

/** When a window gives its result. */
export type Trigger =
  | { readonly trigger: 'watermark' }
  | { readonly trigger: 'count'; readonly count: number }
  | { readonly trigger: 'every'; readonly every: Duration };

/**
 * Windows of one length, side by side.
 * @param options.offset moves them: `{ offset: '1h' }` begins windows of a day at 01:00 UTC. @default 0
 */
export function tumbling(size: Duration, options: { readonly offset?: Duration } = {}): WindowKind {
  return { kind: 'sliding', operator: 'tumbling', size, slide: size, offset: options.offset ?? 0 };
}

/**
 * Windows of one length that begin every `slide`, so they overlap where the slide is shorter. A record is in all that
 * cover it.
 */
export function sliding(
  size: Duration,
  slide: Duration,
  options: { readonly offset?: Duration } = {},
): WindowKind {
  return { kind: 'sliding', operator: 'sliding', size, slide, offset: options.offset ?? 0 };
}

/**
 * Windows that begin with a record and end `gap` after the last one: records of a key less than `gap` apart are in one.
 */
export function session(gap: Duration): WindowKind {
  return { kind: 'session', operator: 'session', gap };
}

/** Results come once, when the watermark has passed the window's end. The default. */
export function onWatermark(): Trigger {
  return { trigger: 'watermark' };
}

/** Results come early too: at the end of a batch, for each window and key with at least `n` records since its last. */
export function onCount(n: number): Trigger {
  return { trigger: 'count', count: n };
}

/** Results come early too: every so much batch time, for each window and key with a record since its last. */
export function every(time: Duration): Trigger {
  return { trigger: 'every', every: time };
}

/** A window as the graph has it. */
export type WindowParams =
  | {
      readonly kind: 'sliding';
      readonly sizeMs: number;
      readonly slideMs: number;
      readonly offsetMs: number;
    }
  | { readonly kind: 'session'; readonly gapMs: number };

/** Records since the last result at which an early one comes; ms of batch time between early results. 0: none. */
export interface EarlyParams {
  readonly count: number;
  readonly everyMs: number;
}

/** @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION */
export function windowParams(caller: Caller, given: unknown): WindowParams {
  const window = given as WindowKind;
  if (typeof given !== 'object' || given === null || !('kind' in given))
    throw badOption(caller, 'window', 'tumbling(…), sliding(…) or session(…)', given);
  const what = (option: string): string => `${caller.operator}: ${option} of ${window.operator}`;
  if (window.kind === 'session')
    return { kind: 'session', gapMs: durationMs(window.gap, what('gap'), 1, caller.callSite) };
  if (window.kind !== 'sliding')
    throw badOption(caller, 'window', 'tumbling(…), sliding(…) or session(…)', given);
  const sizeMs = durationMs(window.size, what('size'), 1, caller.callSite);
  const slideMs = durationMs(window.slide, what('slide'), 1, caller.callSite);
  const offsetMs = durationMs(window.offset, what('offset'), 0, caller.callSite);
  if (sizeMs / greatestCommonDivisor(sizeMs, slideMs) > MAX_PANES)
    throw badOption(
      caller,
      'slide',
      `such that size and slide have a common divisor of at least size / ${MAX_PANES}`,
      slideMs,
    );
  return { kind: 'sliding', sizeMs, slideMs, offsetMs: offsetMs % slideMs };
}

/** @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION */
export function earlyParams(caller: Caller, given: unknown): EarlyParams {
  const trigger = given as Trigger;
  const kind = typeof given === 'object' && given !== null ? trigger.trigger : undefined;
  switch (kind) {
    case 'watermark':
      return { count: 0, everyMs: 0 };
    case 'count': {
      const { count } = trigger as { readonly count: number };
      if (!Number.isSafeInteger(count) || count < 1)
        throw badOption(caller, 'trigger', 'onCount of a whole number of at least 1', count);
      return { count, everyMs: 0 };
    }
    case 'every': {
      const { every: time } = trigger as { readonly every: Duration };
      return {
        count: 0,
        everyMs: durationMs(time, `${caller.operator}: trigger`, 1, caller.callSite),
      };
    }
    default:
      throw badOption(caller, 'trigger', 'onWatermark(), onCount(n) or every(time)', given);
  }
}

/** Panes that a window is made of at most. */
const MAX_PANES = 10_000;

export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
