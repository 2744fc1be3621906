/**
 * What a source sends before it goes on live: all that its log has and its edges have not. Part of its journal
 * (`source-journal.ts`). It makes no difference whether the thread died, or the process with all that lay on edges.
 *
 *   what is logged        who sends it again
 *   blocks                the replay itself (`BlockReplay`)
 *   places in a stream    the source, which was asked to go on there; each part to the edge that had it (`RunReplay`)
 *   notes of batches      the source, asked for the batch of the note (`CutReplay`)
 *
 * I1  What lies before a recorded cut is on the edges before `cut` names it, and what lies behind it not before `pass`.
 */
import type { Placed, SourceLog } from '../log/log-record.ts';
import type { Position } from './source.ts';
import type { SourceEdge } from './source-edge.ts';

export interface Replay {
  /** Number of the recorded cut that is next, when all before it is on the edges; else 0. */
  readonly cut: number;
  /** Nothing is left. */
  readonly isDone: boolean;
  /** Sends what it can. */
  advance(): void;
  /** That cut is put. */
  pass(): void;
}

/** Blocks, as they were. */
export class BlockReplay implements Replay {
  readonly #edges: readonly SourceEdge[];
  readonly #records: Iterator<Placed>;
  #next: Placed | undefined;

  constructor(log: SourceLog, edges: readonly SourceEdge[]) {
    this.#edges = edges;
    this.#records = log.read(leastOrdinal(edges))[Symbol.iterator]();
    this.#step();
  }

  get cut(): number {
    const record = this.#next?.record;
    return record?.kind === 'cut' ? record.barrier.number : 0;
  }

  get isDone(): boolean {
    return this.#next === undefined;
  }

  advance(): void {
    for (; this.#next !== undefined; this.#step()) {
      const { ordinal, record } = this.#next;
      if (record.kind === 'cut') return;
      const { form, bytes, count, position } = record;
      const edge = this.#edges[record.edge % this.#edges.length]!;
      if (bytes.length === 0 || edge.ordinal >= ordinal) continue;
      if (!edge.sendLogged(form, bytes, count, position, ordinal)) return;
    }
  }

  pass(): void {
    this.#step();
  }

  #step(): void {
    const { done, value } = this.#records.next();
    this.#next = done === true ? undefined : value;
  }
}

/** Cuts alone. */
export class CutReplay implements Replay {
  readonly #numbers: number[];

  constructor(log: SourceLog, edges: readonly SourceEdge[]) {
    const behind = leastOrdinal(edges);
    this.#numbers = log
      .cutsBehind(0)
      .filter(({ ordinal }) => ordinal > behind)
      .map(({ record }) => record.barrier.number);
  }

  get cut(): number {
    return this.#numbers[0] ?? 0;
  }

  get isDone(): boolean {
    return this.#numbers.length === 0;
  }

  advance(): void {}

  pass(): void {
    this.#numbers.shift();
  }
}

/** Where it goes on edge `edge`: what lies behind `from`. */
interface Run {
  readonly from: number;
  readonly edge: number;
}

interface Section {
  readonly number: number;
  readonly end: Position;
  readonly runs: readonly Run[];
}

/** Bytes of text, or records. */
type Unit = 'bytes' | 'lines';

/** What a source sends is dealt out to the edges that had it. */
export class RunReplay implements Replay {
  readonly #sections: Section[];
  readonly #position: () => Position;
  #hasEnded = false;

  /** @param position behind what lies on the edges */
  constructor(log: SourceLog, edges: readonly SourceEdge[], position: () => Position) {
    this.#position = position;
    this.#sections = [...sectionsOf(log.read(leastOrdinal(edges)))];
  }

  get cut(): number {
    const section = this.#sections[0];
    if (section === undefined) return 0;
    const { bytes, lines } = this.#position();
    const isThere = bytes >= section.end.bytes && lines >= section.end.lines;
    return isThere || this.#hasEnded ? section.number : 0;
  }

  get isDone(): boolean {
    return this.#sections.length === 0;
  }

  /** How far the source is known: what it gives up to there was sent before. */
  get end(): Position | undefined {
    return this.#sections.at(-1)?.end;
  }

  advance(): void {}

  pass(): void {
    this.#sections.shift();
  }

  /** The source gives no more. True: it gave less than it did before. */
  ended(): boolean {
    const isShort = !this.isDone && this.cut === 0;
    this.#hasEnded = true;
    return isShort;
  }

  /** Where what lies behind `from` goes, and up to which place; undefined: a cut comes first. */
  route(unit: Unit, from: number): { readonly edge: number; readonly until: number } | undefined {
    const section = this.#sections[0];
    if (section === undefined || from >= section.end[unit]) return undefined;
    let edge = 0;
    let until = section.end[unit];
    for (const run of section.runs) {
      if (run.from > from) {
        until = Math.min(until, run.from);
        break;
      }
      edge = run.edge;
    }
    return { edge, until };
  }
}

/** Runs between recorded cuts. What was sent behind the newest one is nobody's batch yet, and may go anywhere. */
function* sectionsOf(records: Iterable<Placed>): Iterable<Section> {
  let runs: Run[] = [];
  for (const { record } of records) {
    if (record.kind === 'block') {
      const from = record.position - record.bytes.length;
      // A process that died here went back to the cut before.
      while (runs.length > 0 && runs.at(-1)!.from >= from) runs.pop();
      runs.push({ from, edge: record.edge });
      continue;
    }
    yield { number: record.barrier.number, end: positionOf(record.note), runs };
    runs = [];
  }
}

/** What the note of a cut says of a source that sends by itself. */
export function positionOf(note: unknown): Position {
  const { bytes = 0, lines = 0 } = (note ?? {}) as Partial<Position>;
  return { bytes, lines };
}

function leastOrdinal(edges: readonly SourceEdge[]): number {
  return Math.min(...edges.map((edge) => edge.ordinal));
}
