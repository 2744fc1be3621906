/**
 * One source with its edges, as `source-host.ts` keeps it: gives the source its context, spreads its blocks, puts its
 * barriers, and starts it again when it throws.
 *
 *      opened ──(throws)──▶ resting ──(backoff)──▶ opened        stopIntake: ──▶ closing ──▶ closed
 *
 * I1  A barrier waits for nothing but room and the batches before it: not for a source that rests, nor a closed one.
 * I2  What a source says after it was closed, or after it failed, is not heard.
 * I3  Relief is asked for once, when an edge is more than half full, and again after a recovery point was held if that
 *     was not enough.
 */
import type { Barrier } from '../actors/block.ts';
import type { Env, Timer } from '../env/env.ts';
import { MillraceError, millraceError } from '../errors.ts';
import { CutQueue } from './cut-queue.ts';
import { EdgeChoice } from './edge-choice.ts';
import { LimitedSend } from './limited-send.ts';
import { RateLimit } from './rate-limit.ts';
import { reconnectBackoff, type Backoff } from './reconnect.ts';
import type { Position, PulledBatch, Source, SourceContext, SourceState } from './source.ts';
import { SourceNote } from './source-note.ts';
import type { SourceEdge } from './source-edge.ts';
import type { SourceHostEvents, SourceSpec } from './source-host.ts';

/** An edge that is fuller than this asks for relief, however empty the others are. */
const EDGE_SHARE = 0.75;

type State = 'idle' | 'opened' | 'resting' | 'closing' | 'closed' | 'failed';

export class HostedSource {
  readonly #env: Env;
  readonly #id: number;
  readonly #name: string;
  readonly #source: Source;
  readonly #edges: readonly SourceEdge[];
  readonly #events: SourceHostEvents;
  readonly #choice: EdgeChoice;
  readonly #note: SourceNote | undefined;
  readonly #cuts: CutQueue;
  readonly #backoff: Backoff;
  readonly #limit: RateLimit;
  readonly #limited: LimitedSend;
  readonly #maxRate: number;
  /** Half of all that the source may keep: more, and relief is wanted. */
  readonly #reliefBytes: number;
  #state: State = 'idle';
  /** Which opening it is; the context of an older one is deaf (I2). */
  #opening = 0;
  #timer: Timer | undefined;
  #blocked = false;
  /** Records that an edge may have taken in part: the rest is for that edge, too. */
  #refused: { readonly rows: readonly unknown[]; readonly index: number } | undefined;
  #reliefAsked = false;

  constructor(env: Env, spec: SourceSpec, events: SourceHostEvents) {
    this.#env = env;
    this.#id = spec.id;
    this.#name = spec.name;
    this.#source = spec.source;
    this.#edges = spec.edges;
    this.#events = events;
    for (const edge of spec.edges) edge.recover();
    this.#choice = new EdgeChoice(spec.edges);
    this.#note = spec.notePath === undefined ? undefined : new SourceNote(env.disk, spec.notePath);
    this.#backoff = reconnectBackoff(env);
    this.#maxRate = spec.maxRate ?? Infinity;
    this.#limit = new RateLimit(env.clock, Math.min(this.#maxRate, spec.initialRate ?? Infinity));
    this.#limited = new LimitedSend({
      clock: env.clock,
      limit: this.#limit,
      sendText: (head, tail, position) => this.#sendText(head, tail, position),
      sendRows: (rows) => this.#sendRows(rows),
      wake: () => this.pump(),
    });
    this.#reliefBytes = spec.edges.reduce((total, edge) => total + edge.size, 0) / 2;
    this.#cuts = new CutQueue({
      name: spec.name,
      edges: spec.edges,
      isReady: () => this.#state !== 'idle',
      pull: (time) => this.#pull(time),
      put: (barrier) => events.onPut(spec.id, barrier),
      sent: (edge) => this.#sent(edge),
      failed: (error) => this.#fail(error),
    });
  }

  open(): void {
    this.#state = 'opened';
    this.#blocked = false;
    const opening = ++this.#opening;
    this.#guarded(() => this.#source.open(this.#context(opening)));
    this.#cuts.run();
  }

  cut(barrier: Barrier): void {
    // What it keeps back to make blocks larger belongs before the barrier.
    if (this.#state === 'opened') this.#guarded(() => this.#source.flush?.());
    this.#cuts.add(barrier);
  }

  /** From now on so many records a second, but never more than its own limit. */
  setRate(rate: number): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#limit.rate = Math.min(this.#maxRate, rate);
    this.pump();
  }

  /** Something was read, or BASE moved: there may be room. */
  pump(): void {
    this.#cuts.run();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#guarded(() => this.#source.resume?.());
  }

  held(barrier: number): void {
    this.#reliefAsked = false;
    for (const edge of this.#edges) this.#sent(edge);
    this.#cuts.held(barrier);
    this.pump();
  }

  /** Resolves when the source takes in no more and all that it took lies on the edges. */
  async stopIntake(): Promise<void> {
    this.#timer?.cancel();
    // What was taken in goes out as fast as it is read.
    this.#limit.rate = Infinity;
    this.pump();
    if (this.#state !== 'opened') {
      if (this.#state !== 'failed') this.#state = 'closed';
      this.#cuts.run();
      return;
    }
    this.#state = 'closing';
    try {
      await this.#source.close();
    } catch (error) {
      this.#events.onState(this.#id, 'ended', { error: this.#wrapped('close', error) });
    }
    if (this.#state === 'closing') this.#state = 'closed';
  }

  abandon(): void {
    this.#timer?.cancel();
    this.#limited.stop();
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#giveUp();
  }

  #context(opening: number): SourceContext {
    const heard = (): boolean =>
      opening === this.#opening && this.#state !== 'closed' && this.#state !== 'failed';
    return {
      env: this.#env,
      name: this.#name,
      partitions: this.#edges.length,
      maxBlockBytes: Math.min(...this.#edges.map((edge) => edge.maxBlockBytes)),
      sendText: (head, tail, position) => heard() && this.#offer(head, tail, position),
      sendRows: (rows) => heard() && this.#offerRows(rows),
      rate: () => this.#limit.rate,
      position: () => this.#position(),
      ...(this.#note === undefined ? {} : { note: this.#note }),
      state: (state: SourceState, detail) => {
        if (heard()) this.#events.onState(this.#id, state, detail ?? {});
      },
      possibleGap: (detail) => {
        if (heard()) this.#events.onEvent(this.#id, { type: 'possibleGap', detail });
      },
      counted: (what, count) => {
        if (heard()) this.#events.onEvent(this.#id, { type: 'counted', what, count });
      },
      tell: (event) => {
        if (heard()) this.#events.onEvent(this.#id, event);
      },
      fail: (error) => {
        if (heard()) this.#fail(error);
      },
    };
  }

  #offer(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    const isSent = this.#limited.text(head, tail, position);
    if (!isSent) this.#blocked = true;
    return isSent;
  }

  #offerRows(rows: readonly unknown[]): boolean {
    const isSent = this.#limited.rows(rows);
    if (!isSent) this.#blocked = true;
    return isSent;
  }

  #sendText(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    try {
      const edges = this.#edges;
      const first = this.#choice.pick();
      for (let step = 0; step < edges.length; step++) {
        const index = (first + step) % edges.length;
        const edge = edges[index]!;
        if (!edge.sendText(head, tail, position)) continue;
        this.#choice.sent(index);
        this.#backoff.reset();
        this.#sent(edge);
        return true;
      }
    } catch (error) {
      // The source is in a callback of its own, where a throw would end the thread.
      this.#fail(error);
      return false;
    }
    return false;
  }

  #sendRows(rows: readonly unknown[]): boolean {
    // Part of it may be taken, and the rest belongs to the same edge, so no other is tried.
    const index = this.#refused?.rows === rows ? this.#refused.index : this.#choice.pick();
    const edge = this.#edges[index]!;
    if (!edge.sendRows(rows)) {
      this.#refused = { rows, index };
      return false;
    }
    this.#refused = undefined;
    this.#choice.sent(index);
    this.#backoff.reset();
    this.#sent(edge);
    return true;
  }

  #sent(edge: SourceEdge): void {
    if (this.#reliefAsked) return;
    const used = this.#edges.reduce((total, each) => total + each.usedBytes, 0);
    // All may go to one edge: then its own room decides.
    if (used <= this.#reliefBytes && edge.usedBytes <= edge.size * EDGE_SHARE) return;
    this.#reliefAsked = true;
    this.#events.onRelief(this.#id);
  }

  /** Each block says how far the source had come; lines are counted edge by edge. */
  #position(): Position {
    let bytes = 0;
    let lines = 0;
    for (const edge of this.#edges) {
      const position = edge.position();
      bytes = Math.max(bytes, position.bytes);
      lines += position.lines;
    }
    return { bytes, lines };
  }

  #pull(time: number): PulledBatch | Promise<PulledBatch> | undefined {
    const source = this.#source;
    if (source.pull === undefined || this.#state !== 'opened') return undefined;
    try {
      const pulled = source.pull(time);
      if (!(pulled instanceof Promise)) return pulled;
      return pulled.catch((error: unknown) => this.#pullFailed(error));
    } catch (error) {
      return this.#pullFailed(error);
    }
  }

  /** The batch is empty, and the source is asked again for the next one. */
  #pullFailed(error: unknown): PulledBatch {
    this.#events.onState(this.#id, 'disconnected', { error: this.#wrapped('pull', error) });
    return { partitions: [] };
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      void this.#rest(error);
    }
  }

  /** It threw: closed, and opened again after a while. Barriers are put meanwhile (I1). */
  async #rest(error: unknown): Promise<void> {
    if (this.#state !== 'opened') return;
    this.#state = 'resting';
    this.#opening++;
    const retryInMs = Math.round(this.#backoff.next());
    this.#events.onState(this.#id, 'disconnected', {
      error: this.#wrapped('source', error),
      retryInMs,
    });
    try {
      await this.#source.close();
    } catch {
      // It has said already that it is broken.
    }
    if (this.#state !== 'resting') return;
    this.#timer = this.#env.clock.after(retryInMs, () => this.open());
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    this.#timer?.cancel();
    this.#events.onState(this.#id, 'failed', { error });
    this.#events.onFailure(this.#id, error);
    this.#giveUp();
  }

  /** Nobody waits for it, and what it still says is not heard. */
  #giveUp(): void {
    try {
      if (this.#source.abandon !== undefined) this.#source.abandon();
      else void Promise.resolve(this.#source.close()).catch(() => {});
    } catch {
      // It has failed or is not needed any more.
    }
  }

  #wrapped(act: string, cause: unknown): Error {
    if (cause instanceof MillraceError) return cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    return millraceError('ERR_MILLRACE_CONNECT', `${this.#name}: ${act} threw: ${message}`, {
      cause,
      context: { source: this.#name },
    });
  }
}
