/**
 * What a source writes down so that another thread, or another process, goes on for it: before each barrier where it is
 * (a cut), and of a source that can't be asked again all that it sends. Part of a source's host, on its thread.
 *
 *   kind        the source                                            its log has
 *   blocks      can't be asked for what it gave                       blocks and cuts
 *   position    goes on wherever it is asked to (`rewinds`)           cuts with its position, and which edge had what
 *   notes       gives the batch of a note again (`pull`)              cuts with notes
 *   none        as blocks, and its user takes the loss                cuts
 *   once        goes on where it is asked to, and may not be asked    cuts, and before each block how far it goes
 *               for anything twice (`at-most-once`)
 *
 * I1  Whatever lies on an edge was in the log before.
 * I2  A barrier that closes a batch, or is recovered to, is put only when its cut outlives a power cut. So whoever has
 *     seen the batch, it will be the same again.
 * I3  Nothing new is sent before the replay is done, nor between a cut and its barriers.
 */
import type { BlockLog } from '../actors/block-log.ts';
import type { Barrier } from '../actors/block.ts';
import type { CutRecord, SourceLog } from '../log/log-record.ts';
import { BlockReplay, CutReplay, positionOf, RunReplay, type Replay } from './replay.ts';
import type { Position } from './source.ts';
import type { SourceEdge } from './source-edge.ts';

export type JournalKind = 'blocks' | 'position' | 'notes' | 'none' | 'once';

export interface SourceJournalOptions {
  readonly kind: JournalKind;
  readonly log: SourceLog;
  /** Number of the barrier that this process began behind. */
  readonly start: number;
  readonly edges: readonly SourceEdge[];
  /** Behind what lies on the edges. */
  readonly position: () => Position;
  /** The replay is done. Not called when there is none. */
  readonly onLive: () => void;
}

/** The note of a source that is asked for batches. */
interface BatchNote {
  /** The source's own: where it goes on behind the batch, and what the batch was. */
  readonly note: unknown;
  /** It gave the batch; else that is empty. */
  readonly isGiven: boolean;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const NOWHERE: Position = { bytes: 0, lines: 0 };

export class SourceJournal {
  readonly kind: JournalKind;
  /** The process was started anew, and this source had sent something in the one before. */
  readonly isRestart: boolean;
  readonly #onLive: () => void;
  readonly #start: number;
  readonly #log: SourceLog;
  readonly #edges: readonly SourceEdge[];
  readonly #position: () => Position;
  readonly #blockLogs: readonly BlockLog[];
  #replay: Replay | undefined;
  /** The log of a source that is new in the job begins behind the barrier where the job goes on. */
  #isBaseDue: boolean;
  /** Of a source with positions: the edge that has what was sent last, or -1. */
  #run = -1;
  /** The newest note of a source that is asked for batches. */
  #note: unknown;
  /** Of a batch that the source has given and that has no cut yet. */
  #given: { readonly note: unknown } | undefined;

  constructor(options: SourceJournalOptions) {
    const { kind, log, start, edges, position } = options;
    this.kind = kind;
    this.#onLive = options.onLive;
    this.#start = start;
    this.#log = log;
    this.#edges = edges;
    this.#position = position;
    const hadRecords = log.last > 0;
    this.#isBaseDue = start > 0 && log.cut(start) === undefined && log.last === 0;
    this.#recordBase();
    const from = cutAt(log, start);
    this.isRestart = edges.every((edge) => edge.isUnused) && hadRecords;
    const [ordinal, at] =
      kind === 'once'
        ? [log.last, lastClaim(log, from)]
        : [from.ordinal, positionOf(from.record?.note)];
    edges.forEach((edge, n) => edge.startAt(ordinal, n === 0 ? at : NOWHERE));
    this.#blockLogs = edges.map((_, edge) =>
      kind === 'blocks'
        ? this.#blockLog(edge)
        : kind === 'once'
          ? this.#claimLog(edge)
          : this.#runLog(edge),
    );
    if (kind === 'notes') {
      const newest = log.cutsBehind(0).findLast(({ record }) => record.note !== undefined);
      this.#note = (newest?.record.note as BatchNote | undefined)?.note;
    }
    const replay =
      kind === 'notes' || kind === 'once'
        ? new CutReplay(log, edges)
        : kind === 'position'
          ? new RunReplay(log, edges, position)
          : // Of 'none', too: there may be blocks of a process that logged them.
            new BlockReplay(log, edges);
    if (!replay.isDone) this.#replay = replay;
  }

  /** All that the log has is on the edges. */
  get isLive(): boolean {
    return this.#replay === undefined;
  }

  /** The source itself gives again what is to be replayed. */
  get isAskedAgain(): boolean {
    return this.kind !== 'blocks' && this.kind !== 'none';
  }

  /** Barriers behind the start. */
  cuts(): readonly Barrier[] {
    return this.#log.cutsBehind(this.#start).map(({ record }) => record.barrier);
  }

  /** What the source may give is known up to there. */
  get replayedTo(): Position | undefined {
    return this.#replay instanceof RunReplay ? this.#replay.end : undefined;
  }

  /** Sends what it can. */
  advance(): void {
    const replay = this.#replay;
    if (replay === undefined) return;
    replay.advance();
    if (!replay.isDone) return;
    this.#replay = undefined;
    this.#onLive();
  }

  /** The source has ended. True: it gave less than it did before. */
  ended(): boolean {
    return this.#replay instanceof RunReplay && this.#replay.ended();
  }

  // ---- cuts

  /** Whether that barrier comes next: all that lies before it in the log is on the edges. */
  reach(number: number): boolean {
    if (this.#edges.every((edge) => edge.lastBarrier >= number)) return true;
    this.advance();
    for (let cut = this.#cut; cut > 0 && cut < number; cut = this.#cut) this.#pass();
    return this.#replay === undefined || this.#cut >= number;
  }

  /** The barrier lies on all edges. */
  passed(number: number): void {
    for (let cut = this.#cut; cut > 0 && cut <= number; cut = this.#cut) this.#pass();
  }

  /** As it stands in the log. */
  recorded(number: number): { readonly ordinal: number; readonly absent: boolean } | undefined {
    const cut = this.#log.cut(number);
    return cut?.record === undefined
      ? undefined
      : { ordinal: cut.ordinal, absent: cut.record.absent };
  }

  /** What its batch was, for the source; undefined: it had none of the source. */
  batchOf(number: number): { readonly note: unknown } | undefined {
    const note = this.#log.cut(number)?.record?.note as BatchNote | undefined;
    return note?.isGiven === true ? note : undefined;
  }

  /**
   * Appends the cut: behind all that was sent, and before it is put anywhere.
   * @param isGiven its batch was given by the source
   * @returns its ordinal, or 0 when the disk refuses
   */
  record(barrier: Barrier, absent: boolean, isGiven: boolean): number {
    for (const edge of this.#edges) edge.checkFence();
    const note = this.#noteOf(barrier, isGiven);
    const record: CutRecord = {
      kind: 'cut',
      barrier,
      absent,
      ...(note === undefined ? {} : { note }),
    };
    let ordinal: number;
    try {
      if (!this.#recordBase()) return 0;
      ordinal = this.#log.append(record);
    } catch {
      // The log has told of it, and says when it has room.
      return 0;
    }
    if (this.#given !== undefined) this.#note = this.#given.note;
    this.#given = undefined;
    this.#run = -1;
    return ordinal;
  }

  synced(ordinal: number): Promise<void> {
    return this.#log.synced(ordinal);
  }

  /** What was sent outlives the process when this resolves; undefined: nothing is promised. */
  safe(): Promise<void> | undefined {
    return this.kind === 'blocks' ? this.#log.synced(this.#log.last) : undefined;
  }

  /** Records behind that barrier. */
  behind(barrier: number): number {
    return this.#log.last - (this.#log.cut(barrier)?.ordinal ?? 0);
  }

  trim(oldest: number): void {
    this.#log.trim(oldest);
  }

  close(): void {
    this.#log.close();
  }

  // ---- notes

  /** Where the source goes on behind the newest cut. */
  readNote(): unknown {
    return this.#note;
  }

  /** Goes into the next cut. */
  writeNote(note: unknown): void {
    this.#given = { note };
  }

  /** The batch was given up before its cut: what it took is not taken. */
  dropNote(): void {
    this.#given = undefined;
  }

  // ---- blocks

  /** Writes down what goes to an edge. */
  blockLog(edge: number): BlockLog {
    return this.#blockLogs[edge]!;
  }

  /** See `RunReplay.route`. */
  route(
    unit: 'bytes' | 'lines',
    from: number,
  ): { readonly edge: number; readonly until: number } | undefined {
    return this.#replay instanceof RunReplay ? this.#replay.route(unit, from) : undefined;
  }

  /** The disk takes no more for now. */
  get isFull(): boolean {
    return !this.#log.hasRoom;
  }

  get #cut(): number {
    return this.#replay?.cut ?? 0;
  }

  #pass(): void {
    this.#replay?.pass();
    this.advance();
  }

  /** False: the disk refuses. */
  #recordBase(): boolean {
    if (!this.#isBaseDue) return true;
    const barrier: Barrier = {
      number: this.#start,
      batch: true,
      point: true,
      last: false,
      time: 0,
      zeroTime: 0,
    };
    try {
      this.#log.append({ kind: 'cut', barrier, absent: false });
      this.#isBaseDue = false;
    } catch {
      // Tried again before the first cut.
    }
    return !this.#isBaseDue;
  }

  #noteOf(barrier: Barrier, isGiven: boolean): unknown {
    if (this.kind !== 'notes') return this.#position();
    // A process begins behind a batch, so only there it must be known where the source was.
    if (!barrier.batch) return undefined;
    const note: BatchNote = {
      note: this.#given === undefined ? this.#note : this.#given.note,
      isGiven,
    };
    return note;
  }

  #blockLog(edge: number): BlockLog {
    const log = this.#log;
    return {
      block: (form, head, tail, count, position) => {
        if (!log.hasRoom || !this.#recordBase()) return -1;
        try {
          return log.append({ kind: 'block', edge, form, bytes: head, count, position }, tail);
        } catch {
          return -1;
        }
      },
    };
  }

  /** Notes how far a block goes: whatever becomes of it, it is not sent again. */
  #claimLog(edge: number): BlockLog {
    return {
      block: (form, _head, _tail, count, position) => {
        if (!this.#log.hasRoom || !this.#recordBase()) return -1;
        const lines = this.#position().lines + count;
        const claim = {
          kind: 'block',
          edge,
          form,
          bytes: NOTHING,
          count: form === 'text' ? lines : 0,
          position: form === 'text' ? position : lines,
        } as const;
        try {
          this.#log.append(claim);
        } catch {
          return -1;
        }
        return 0;
      },
    };
  }

  /** Notes where the source goes on on another edge than before. */
  #runLog(edge: number): BlockLog {
    return {
      block: (form, head, tail, _count, position) => {
        if (this.kind !== 'position' || this.#run === edge || this.#replay !== undefined) return 0;
        if (!this.#log.hasRoom || !this.#recordBase()) return -1;
        const from =
          form === 'text' ? position - head.length - tail.length : this.#position().lines;
        const marker = {
          kind: 'block',
          edge,
          form,
          bytes: NOTHING,
          count: 0,
          position: from,
        } as const;
        try {
          this.#log.append(marker);
        } catch {
          return -1;
        }
        this.#run = edge;
        return 0;
      },
    };
  }
}

/** Up to where a source has given what it gives once. */
function lastClaim(
  log: SourceLog,
  from: { readonly ordinal: number; readonly record?: CutRecord },
): Position {
  let at = positionOf(from.record?.note);
  for (const { record } of log.read(from.ordinal))
    at =
      record.kind === 'cut'
        ? positionOf(record.note)
        : record.form === 'text'
          ? { bytes: record.position, lines: record.count }
          : { bytes: 0, lines: record.position };
  return at;
}

/** Where the log has that cut, or the newest one before it: a source that was not there then has none of its own. */
function cutAt(
  log: SourceLog,
  barrier: number,
): { readonly ordinal: number; readonly record?: CutRecord } {
  return (
    log.cut(barrier) ??
    log.cutsBehind(0).findLast(({ record }) => record.barrier.number <= barrier) ?? { ordinal: 0 }
  );
}
