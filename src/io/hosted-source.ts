/**
 * One source with its edges, as `source-host.ts` keeps it: gives the source its context, spreads its blocks, puts its
 * barriers, and starts it again when it throws.
 *
 *      replaying ──▶ opened ──(throws)──▶ resting ──(backoff)──▶ opened        stopIntake: ──▶ closing ──▶ closed
 *
 * I1  A barrier waits for nothing but room and the batches before it: not for a source that rests, nor a closed one.
 * I2  What a source says after it was closed, or after it failed, is not heard.
 * I3  Relief is asked for once, when an edge is more than half full, and again after a recovery point was held if that
 *     was not enough.
 * I4  With a journal the source takes in nothing while the disk refuses: what it offers is refused, as by a full edge.
 */
import type { Barrier } from '../actors/block.ts';
import type { Env, Timer } from '../env/env.ts';
import { MillraceError, millraceError } from '../errors.ts';
import { CutQueue, NO_BATCH } from './cut-queue.ts';
import { EdgeChoice } from './edge-choice.ts';
import { LimitedSend } from './limited-send.ts';
import { RateLimit } from './rate-limit.ts';
import { reconnectBackoff, type Backoff } from './reconnect.ts';
import { RewoundSend } from './rewound-send.ts';
import type { Position, PulledBatch, Source, SourceContext, SourceState } from './source.ts';
import { SourceNote } from './source-note.ts';
import type { SourceEdge } from './source-edge.ts';
import type { SourceHostEvents, SourceSpec, StateDetail } from './source-host.ts';
import { SourceJournal } from './source-journal.ts';

/** An edge that is fuller than this asks for relief, however empty the others are. */
const EDGE_SHARE = 0.75;

const NOTHING: Uint8Array = new Uint8Array(0);

/** `replaying`: the source is opened when its log has been sent. */
type State = 'idle' | 'replaying' | 'opened' | 'resting' | 'closing' | 'closed' | 'failed';

export class HostedSource {
  readonly #env: Env;
  readonly #id: number;
  readonly #name: string;
  readonly #source: Source;
  readonly #edges: readonly SourceEdge[];
  readonly #events: SourceHostEvents;
  readonly #choice: EdgeChoice;
  readonly #note: SourceNote | undefined;
  readonly #journal: SourceJournal | undefined;
  readonly #rewound: RewoundSend | undefined;
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
  /** What the source has said last, for when the disk is well again. */
  #said: SourceState = 'connecting';
  #isDegraded = false;
  /** Barriers that were put. */
  #puts = 0;
  #gapTold = false;
  /** Wait for the source to be opened. */
  #whenOpened: (() => void)[] = [];
  /** Wait for the replay to be done. */
  #whenLive: (() => void)[] = [];

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
    this.#journal = this.#openJournal(spec);
    this.#rewound =
      this.#journal?.kind === 'position' ? this.#rewoundSend(this.#journal) : undefined;
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
      journal: this.#journal,
      isReady: () => this.#state !== 'idle',
      flush: () => {
        if (this.#state === 'opened') this.#guarded(() => this.#source.flush?.());
      },
      pull: (time, again) => this.#pull(time, again),
      safe: () => this.pump(),
      put: (barrier) => {
        events.onPut(spec.id, barrier);
        this.#puts++;
        // What was offered between the cut and its barrier was refused.
        if (this.#blocked && this.#journal !== undefined) env.defer(() => this.pump());
      },
      sent: (edge) => this.#sent(edge),
      failed: (error) => this.#fail(error),
    });
  }

  open(): void {
    const journal = this.#journal;
    if (journal === undefined || journal.isLive || journal.isAskedAgain) this.#open();
    else this.#state = 'replaying';
    this.pump();
  }

  cut(barrier: Barrier): void {
    this.#cuts.add(barrier);
  }

  /** What its log has before that barrier is not needed any more. */
  trim(oldest: number): void {
    this.#journal?.trim(oldest);
  }

  /** Records of its log behind that barrier. */
  behind(barrier: number): number {
    return this.#journal?.behind(barrier) ?? 0;
  }

  /** Barriers behind the start that stand in its log. */
  recorded(): readonly Barrier[] {
    return this.#journal?.cuts() ?? [];
  }

  /** From now on so many records a second, but never more than its own limit. */
  setRate(rate: number): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#limit.rate = Math.min(this.#maxRate, rate);
    this.pump();
  }

  /** Something was read, or BASE moved: there may be room. */
  pump(): void {
    if (this.#state === 'failed') return;
    try {
      this.#journal?.advance();
    } catch (error) {
      this.#fail(error);
      return;
    }
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
    if (this.#state === 'replaying') this.#state = 'closed';
    // What was taken in by a process before is still to be sent.
    if (this.#journal?.isLive === false)
      await new Promise<void>((resolve) => this.#whenLive.push(resolve));
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
    for (const resolve of this.#whenLive.splice(0)) resolve();
    const wasClosed = this.#state === 'closed';
    this.#state = 'closed';
    if (!wasClosed) this.#giveUp();
    this.#journal?.close();
  }

  #open(): void {
    this.#state = 'opened';
    this.#blocked = false;
    this.#limited.forget();
    this.#rewound?.forget();
    const opening = ++this.#opening;
    this.#guarded(() => this.#source.open(this.#context(opening)));
    for (const resolve of this.#whenOpened.splice(0)) resolve();
  }

  #openJournal({ log, edges }: SourceSpec): SourceJournal | undefined {
    if (log === undefined) return undefined;
    const source = this.#source;
    const kind =
      source.pull !== undefined
        ? 'notes'
        : source.rewinds === true
          ? log.isOnce === true
            ? 'once'
            : 'position'
          : log.isWrittenAhead && log.isOnce !== true
            ? 'blocks'
            : 'none';
    return new SourceJournal({
      kind,
      start: log.start,
      edges,
      position: () => this.#position(),
      log: log.open({
        onTrouble: (error) => this.#troubled(error),
        onRecovered: () => this.#recovered(),
        onRoom: () => this.pump(),
      }),
      onLive: () => this.#live(),
    });
  }

  /** All that the log has was sent: from here on it is live. */
  #live(): void {
    for (const resolve of this.#whenLive.splice(0)) resolve();
    if (this.#state === 'replaying') this.#open();
  }

  #rewoundSend(journal: SourceJournal): RewoundSend {
    const sent = (edge: SourceEdge, isSent: boolean): boolean => {
      if (isSent) this.#sent(edge);
      return isSent;
    };
    return new RewoundSend({
      journal,
      position: () => this.#position(),
      sendText: (n, head, tail, position) => {
        const edge = this.#edges[n % this.#edges.length]!;
        return sent(edge, edge.sendText(head, tail, position));
      },
      sendRows: (n, rows) => {
        const edge = this.#edges[n % this.#edges.length]!;
        return sent(edge, edge.sendRows(rows));
      },
    });
  }

  #troubled(error: unknown): void {
    this.#isDegraded = true;
    this.#events.onState(this.#id, 'degraded', { error });
  }

  #recovered(): void {
    this.#isDegraded = false;
    this.#events.onState(this.#id, this.#said, {});
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
      ...this.#keeping(),
      state: (state: SourceState, detail) => {
        if (heard()) this.#say(state, detail ?? {});
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

  /** What a source keeps for its successor, and what it hears of that. */
  #keeping(): Partial<SourceContext> {
    const journal = this.#journal;
    const note = this.#note;
    if (journal === undefined) return note === undefined ? {} : { note };
    return {
      isRecorded: true,
      isRestart: journal.isRestart,
      replayedTo: () => journal.replayedTo,
      safe: () => journal.safe(),
      note: {
        read: () => journal.readNote() ?? note?.read(),
        write: (value) => journal.writeNote(value),
        begin: (value) => {
          journal.writeNote(value);
          note?.write(value);
        },
      },
    };
  }

  #say(state: SourceState, detail: StateDetail): void {
    this.#said = state;
    const journal = this.#journal;
    if (state === 'ended' && journal?.ended() === true)
      this.#events.onEvent(this.#id, {
        type: 'possibleGap',
        detail: 'it ended before the place up to which it was read before the restart',
      });
    if (state === 'connected' && journal?.isRestart === true && journal.kind === 'none')
      this.#tellGap();
    if (!this.#isDegraded) this.#events.onState(this.#id, state, detail);
  }

  /** Once: what came behind the checkpoint is in no log. */
  #tellGap(): void {
    if (this.#gapTold) return;
    this.#gapTold = true;
    this.#events.onEvent(this.#id, {
      type: 'possibleGap',
      detail:
        'the process was started again; what came after the newest checkpoint was not logged and is lost',
    });
  }

  #offer(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    const isSent = this.#offerText(head, tail, position);
    if (!isSent) this.#blocked = true;
    return isSent;
  }

  #offerText(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    const rewound = this.#rewound;
    if (rewound === undefined || rewound.isOver) return this.#limited.text(head, tail, position);
    const out = this.#again(() => rewound.text(head, tail, position), -1);
    if (out < 0) return false;
    const { length } = head;
    const isSent =
      out >= length + tail.length ||
      (out < length
        ? this.#limited.text(head.subarray(out), tail, position)
        : this.#limited.text(NOTHING, tail.subarray(out - length), position));
    if (isSent) rewound.forget();
    return isSent;
  }

  #offerRows(rows: readonly unknown[]): boolean {
    const isSent = this.#offerRecords(rows);
    if (!isSent) this.#blocked = true;
    return isSent;
  }

  #offerRecords(rows: readonly unknown[]): boolean {
    const rewound = this.#rewound;
    if (rewound === undefined || rewound.isOver) return this.#limited.rows(rows);
    const rest = this.#again(() => rewound.rows(rows), undefined);
    if (rest === undefined) return false;
    const isSent = rest.length === 0 || this.#limited.rows(rest);
    if (isSent) rewound.forget();
    return isSent;
  }

  /** Sends for the second time; a cut may be what it waits for. */
  #again<T>(send: () => T, refused: T): T {
    try {
      const sent = send();
      const puts = this.#puts;
      this.#cuts.run();
      if (this.#puts > puts) this.#env.defer(() => this.pump());
      return sent;
    } catch (error) {
      this.#fail(error);
      return refused;
    }
  }

  /** Nothing may be sent now, whatever room there is. */
  get #isShut(): boolean {
    const journal = this.#journal;
    return journal !== undefined && (!journal.isLive || this.#cuts.isSealed || journal.isFull);
  }

  #sendText(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    const journal = this.#journal;
    if (this.#isShut) return false;
    try {
      const edges = this.#edges;
      const first = this.#choice.pick();
      for (let step = 0; step < edges.length; step++) {
        const index = (first + step) % edges.length;
        const edge = edges[index]!;
        if (!edge.sendText(head, tail, position, journal?.blockLog(index))) {
          if (journal?.isFull === true) return false;
          continue;
        }
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
    if (this.#isShut) return false;
    // Part of it may be taken, and the rest belongs to the same edge, so no other is tried.
    const index = this.#refused?.rows === rows ? this.#refused.index : this.#choice.pick();
    const edge = this.#edges[index]!;
    if (!edge.sendRows(rows, this.#journal?.blockLog(index))) {
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

  /** @param again note of the batch, which was given before: nothing else will do */
  #pull(
    time: number,
    again: { readonly note: unknown } | undefined,
  ): PulledBatch | Promise<PulledBatch> | undefined {
    const source = this.#source;
    if (source.pull === undefined) return undefined;
    if (this.#state !== 'opened') {
      if (again === undefined || this.#state !== 'resting') return undefined;
      return new Promise<void>((resolve) => this.#whenOpened.push(resolve)).then(() =>
        this.#batch(time, again),
      );
    }
    try {
      const pulled = source.pull(time, again?.note);
      if (!(pulled instanceof Promise)) return pulled;
      return pulled.catch((error: unknown) => this.#pullFailed(error, time, again));
    } catch (error) {
      return this.#pullFailed(error, time, again);
    }
  }

  async #batch(time: number, again: { readonly note: unknown }): Promise<PulledBatch> {
    return (await this.#pull(time, again)) ?? NO_BATCH;
  }

  /** The batch is empty, and the source is asked again for the next one; for a batch that was given before, for it. */
  #pullFailed(
    error: unknown,
    time: number,
    again: { readonly note: unknown } | undefined,
  ): PulledBatch | Promise<PulledBatch> {
    this.#journal?.dropNote();
    const wrapped = this.#wrapped('pull', error);
    if (again === undefined) {
      this.#events.onState(this.#id, 'disconnected', { error: wrapped });
      return NO_BATCH;
    }
    const retryInMs = Math.round(this.#backoff.next());
    this.#events.onState(this.#id, 'disconnected', { error: wrapped, retryInMs });
    return new Promise<void>((resolve) => {
      this.#timer = this.#env.clock.after(retryInMs, resolve);
    }).then(() => this.#batch(time, again));
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
    this.#timer = this.#env.clock.after(retryInMs, () => {
      this.#open();
      this.pump();
    });
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
