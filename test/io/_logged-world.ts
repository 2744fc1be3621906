/**
 * One source with a log, its edges, a consumer that reads them and a coordinator that cuts barriers, through any number
 * of lives: threads that die and leave their edges, processes that die and leave their disk, machines that lose what was
 * not synced. Whoever has seen a batch must see the same again.
 */
import { Buffer } from 'node:buffer';
import type { Barrier } from '../../src/actors/block.ts';
import {
  createConsumerWords,
  createReceiverEdge,
  fenceSender,
  ReceiverEdgeReader,
  ReceiverEdgeWriter,
  setBase,
  type ReceiverEdgeWriterOptions,
  type ReceiverMemory,
} from '../../src/actors/receiver-edge.ts';
import { BASE } from '../../src/actors/ring-layout.ts';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import type { SourceEdge } from '../../src/io/source-edge.ts';
import { SourceHost } from '../../src/io/source-host.ts';
import type { Source } from '../../src/io/source.ts';
import type { SourceLog } from '../../src/log/log-record.ts';
import { openSourceLog } from '../../src/log/source-log.ts';
import { Death, MortalDisk } from './_mortal-disk.ts';

const SILENT = { ring: () => {} };
const INTERVAL_MS = 1000;

/** What a source is fed from. It outlives everything. */
export interface WorldFeed {
  make(): Source;
  /** Something comes in. */
  step(chance: Pcg32): void;
  /** All has come in and was taken. */
  readonly isOut: boolean;
  /** The source was given up; what it had in hand is gone. */
  died(): void;
}

export type DeathKind = 'thread' | 'process' | 'power';

export interface WorldOptions {
  readonly seed: number;
  readonly feed: WorldFeed;
  readonly partitions?: number;
  readonly edgeBytes?: number;
  readonly isWrittenAhead?: boolean;
  readonly wrapEdge?: (edge: ReceiverEdgeWriter) => SourceEdge;
  readonly wrapLog?: (log: SourceLog) => SourceLog;
}

interface Lane {
  memory: ReceiverMemory;
  reader: ReceiverEdgeReader;
  words: ReturnType<typeof createConsumerWords>;
  /** Since the last barrier. */
  open: string[];
  /** Barriers that were read: what lies before each, and the offset behind it. */
  readonly read: Map<number, { content: string[]; offset: number; absent: boolean }>;
}

/** The dead do nothing, even where somebody caught their death. */
class MortalWriter extends ReceiverEdgeWriter {
  readonly #mortal: MortalDisk;

  constructor(mortal: MortalDisk, options: ReceiverEdgeWriterOptions) {
    super(options);
    this.#mortal = mortal;
  }

  override sendText(...given: Parameters<ReceiverEdgeWriter['sendText']>): boolean {
    return this.#mortal.living(() => super.sendText(...given));
  }

  override sendRows(...given: Parameters<ReceiverEdgeWriter['sendRows']>): boolean {
    return this.#mortal.living(() => super.sendRows(...given));
  }

  override sendLogged(...given: Parameters<ReceiverEdgeWriter['sendLogged']>): boolean {
    return this.#mortal.living(() => super.sendLogged(...given));
  }

  override putBarrier(...given: Parameters<ReceiverEdgeWriter['putBarrier']>): boolean {
    return this.#mortal.living(() => super.putBarrier(...given));
  }

  override recover(): void {
    this.#mortal.living(() => super.recover());
  }
}

export class LoggedWorld {
  readonly env: SimEnv;
  readonly disk: MemoryDisk = new MemoryDisk({ mayCrash: true });
  readonly chance: Pcg32;
  readonly events: string[] = [];
  readonly failures: unknown[] = [];
  /** What was seen of each batch, in any life. */
  readonly seen: Map<number, string> = new Map();
  readonly wrong: string[] = [];
  readonly #shown = new Set<number>();
  readonly recorded: Barrier[][] = [];
  host!: SourceHost;
  deaths = 0;
  readonly #options: WorldOptions;
  #lanes: Lane[] = [];
  #mortal!: MortalDisk;
  #store: typeof Atomics.store | undefined;
  /** Of the coordinator: barriers that were cut, by number; what is held, and durable. */
  #cuts: Map<number, Barrier> = new Map();
  #lastCut = 0;
  #held = 0;
  #durable = 0;
  #start = 0;
  /** Barriers of the process before, of which it is not known whether they were recorded. */
  readonly #unsure = new Set<number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.env = simEnv(options.seed, 0, this.disk);
    this.chance = new Pcg32(options.seed, 7);
    this.disk.makeDirectory('/log');
    void this.disk.sync('/');
    this.#freshLanes();
  }

  /** Runs a life that ends after so many moments, or when all is out. True: it died. */
  async life(moments: number, kind: DeathKind): Promise<boolean> {
    this.#mortal = new MortalDisk(this.disk, moments);
    this.#patch();
    try {
      this.#open();
      for (let turn = 0; turn < 5000 && !this.#mortal.isDead; turn++) {
        this.#alive(() => this.#turn());
        await tick();
        if (this.#options.feed.isOut && this.chance.below(4) === 0) {
          await this.#settle();
          return this.#die(kind);
        }
      }
      return this.#die(kind);
    } finally {
      this.#unpatch();
    }
  }

  /** The last life: all comes in, and the job is drained. */
  async drain(): Promise<void> {
    this.#mortal = new MortalDisk(this.disk, Infinity);
    this.#open();
    const { feed } = this.#options;
    for (let turn = 0; turn < 5000 && !feed.isOut; turn++) {
      this.#turn();
      await tick();
    }
    if (!feed.isOut) this.wrong.push('the feed never came to its end');
    let isStopped = false;
    void this.host.stopIntake().then(() => (isStopped = true));
    for (let turn = 0; turn < 200 && !isStopped; turn++) {
      this.env.clock.advance(50);
      this.host.pump();
      this.#consume();
      await tick();
    }
    if (!isStopped) this.wrong.push('intake never stopped');
    this.#cut({ last: true });
    await this.#settle();
    if (this.#held < this.#lastCut)
      this.wrong.push(`barrier ${this.#lastCut} is never held, ${this.#held} is`);
    this.host.abandon();
    await tick();
  }

  /** Of all batches in order, by edge. */
  batches(): string[][][] {
    return [...this.seen]
      .toSorted(([a], [b]) => a - b)
      .map(([, content]) => (JSON.parse(content) as { content: string[][] }).content);
  }

  get all(): string[] {
    return this.batches().flatMap((batch) => batch.flat());
  }

  #alive(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
    }
  }

  #die(kind: DeathKind): boolean {
    const died = this.#mortal.isDead;
    this.deaths++;
    this.#mortal.isDead = true;
    this.#options.feed.died();
    if (kind === 'thread') return died;
    if (kind === 'power') this.disk.crash(this.chance);
    // Another process: edges are new, and it goes on behind the newest checkpoint.
    this.#freshLanes();
    for (const number of this.seen.keys()) if (number > this.#durable) this.#unsure.add(number);
    this.#start = this.#held = this.#durable;
    this.#lastCut = this.#start;
    this.#cuts = new Map();
    return died;
  }

  #freshLanes(): void {
    const { partitions = 2, edgeBytes = 1 << 13 } = this.#options;
    this.#lanes = Array.from({ length: partitions }, () => {
      const memory = createReceiverEdge(edgeBytes, { checksum: true });
      const words = createConsumerWords();
      return {
        memory,
        words,
        reader: new ReceiverEdgeReader({ memory, words, bell: SILENT }),
        open: [],
        read: new Map(),
      };
    });
  }

  #open(): void {
    const { feed, isWrittenAhead = true, wrapEdge, wrapLog } = this.#options;
    const mortal = this.#mortal;
    const { clock, defer, random } = this.env;
    const env = {
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        after: (ms: number, run: () => void) =>
          clock.after(ms, () => {
            if (!mortal.isDead) this.#alive(run);
          }),
      },
      disk: mortal,
      random,
      defer: (run: () => void) =>
        defer(() => {
          if (!mortal.isDead) this.#alive(run);
        }),
    };
    this.#alive(() => {
      const edges = this.#lanes.map((lane) => {
        fenceSender(lane.memory);
        const writer = new MortalWriter(mortal, { memory: lane.memory, countLines: true });
        writer.setConsumer(lane.words, SILENT as never);
        const edge = this.#fickle(writer);
        return wrapEdge?.(edge) ?? edge;
      });
      const start = this.#start;
      this.host = new SourceHost(
        env,
        [
          {
            id: 0,
            name: 'source at job.ts:1:1',
            source: feed.make(),
            edges,
            notePath: '/log/source.begun',
            log: {
              start,
              isWrittenAhead,
              open: (events) => {
                const log = openSourceLog({
                  disk: mortal,
                  clock: env.clock,
                  directory: '/log/source',
                  start,
                  segmentBytes: 2048,
                  ...events,
                });
                return wrapLog?.(log) ?? log;
              },
            },
          },
        ],
        {
          onPut: (_, number) => this.events.push(`put ${number}`),
          onRelief: () => this.events.push('relief'),
          onState: (_, state) => this.events.push(`state ${state}`),
          onEvent: (_, event) =>
            this.events.push(event.type === 'possibleGap' ? `gap ${event.detail}` : event.type),
          onFailure: (_, error) => {
            if (!mortal.isDead) this.failures.push(error);
          },
        },
      );
      this.recorded.push([...this.host.recorded()]);
      // A coordinator that goes on cuts again what is open, a new one what was recorded.
      if (this.#lastCut === this.#start)
        for (const cut of this.host.recorded()) {
          const barrier = { ...cut, last: false };
          this.#cuts.set(barrier.number, barrier);
          this.#lastCut = barrier.number;
          for (const number of this.#unsure)
            if (number <= barrier.number) this.#unsure.delete(number);
        }
      this.#forgetUnsure();
      this.host.open();
      if (this.#held > 0) this.host.onHeld(this.#held);
      for (let n = this.#held + 1; n <= this.#lastCut; n++) this.host.cut(this.#cuts.get(n)!);
    });
  }

  /** Nobody knows of these any more: nothing of them may have been seen. */
  #forgetUnsure(): void {
    for (const number of this.#unsure) {
      if (this.#shown.has(number)) this.wrong.push(`barrier ${number} was seen, and is in no log`);
      this.seen.delete(number);
    }
    this.#unsure.clear();
  }

  /** Seems far behind at times, so that the host sends on another edge. */
  #fickle(writer: ReceiverEdgeWriter): ReceiverEdgeWriter {
    return new Proxy(writer, {
      get: (_, name) => {
        if (name === 'unreadBytes' && this.chance.below(3) === 0) return 1 << 20;
        const member: unknown = Reflect.get(writer, name, writer);
        return typeof member === 'function' ? member.bind(writer) : member;
      },
    });
  }

  #turn(): void {
    const { chance, env } = this;
    env.clock.advance(chance.below(30));
    switch (chance.below(8)) {
      case 0:
        if (this.#lastCut - this.#held < 6) this.#cut({});
        return;
      case 1:
        if (this.#lastCut - this.#held < 6)
          this.#cut({ batch: false, point: chance.below(2) === 0 });
        return;
      case 2:
      case 3:
        this.#consume();
        return;
      case 4:
        if (chance.below(3) === 0) this.#checkpoint();
        this.host.pump();
        return;
      default:
        this.#options.feed.step(chance);
    }
  }

  #cut(flags: Partial<Barrier>): void {
    const number = ++this.#lastCut;
    const batches = [...this.#cuts.values()].filter(({ batch }) => batch).length;
    const barrier: Barrier = {
      number,
      batch: true,
      point: true,
      last: false,
      time: this.#timeOf(batches + 1),
      zeroTime: 0,
      ...flags,
    };
    this.#cuts.set(number, barrier);
    this.host.cut(barrier);
  }

  /** Times ascend over restarts, too. */
  #timeOf(batch: number): number {
    return (this.#start * 10 + batch) * INTERVAL_MS;
  }

  #consume(): void {
    for (const lane of this.#lanes) {
      const { reader } = lane;
      for (let frame = reader.peek(); frame !== undefined; frame = reader.peek()) {
        if (frame.kind === 'text') lane.open.push(...linesOf(frame.bytes));
        else if (frame.kind === 'rows') lane.open.push(...frame.rows.map(String));
        else if (frame.kind === 'barrier') {
          lane.read.set(frame.barrier.number, {
            content: lane.open,
            offset: reader.offsetBehind(),
            absent: frame.absent.length > 0,
          });
          lane.open = [];
        }
        reader.advance();
      }
    }
    for (let n = this.#held + 1; this.#lanes.every(({ read }) => read.has(n)); n++) this.#hold(n);
  }

  #hold(number: number): void {
    const barrier = this.#cuts.get(number)!;
    const parts = this.#lanes.map((lane) => lane.read.get(number)!);
    // What is seen of a barrier that shows nothing belongs to the next one that does.
    const content = JSON.stringify({
      time: barrier.time,
      absent: parts.map(({ absent }) => absent),
      content: parts.map((part) => part.content),
    });
    const before = this.seen.get(number);
    if (before !== undefined && before !== content && (barrier.point || barrier.batch))
      this.wrong.push(`barrier ${number} closed ${before}, and now ${content}`);
    this.seen.set(number, content);
    if (barrier.point || barrier.batch) this.#shown.add(number);
    if (!barrier.point) {
      this.#held = number;
      return;
    }
    this.#held = number;
    this.#lanes.forEach((lane, n) => setBase(lane.memory, parts[n]!.offset));
    this.host.onHeld(number);
  }

  #checkpoint(): void {
    for (let n = this.#held; n > this.#durable; n--) {
      if (this.#cuts.get(n)?.batch !== true) continue;
      this.#durable = n;
      this.host.trim(n);
      return;
    }
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 200; turn++) {
      this.#alive(() => {
        this.env.clock.advance(20);
        this.host.pump();
        this.#consume();
      });
      await tick();
    }
  }

  #patch(): void {
    const { store } = Atomics;
    this.#store = store;
    Atomics.store = ((array: Int32Array, index: number, value: number) => {
      const isOurs = this.#lanes.some(({ memory }) => memory.control === array.buffer);
      // BASE is the coordinator's.
      if (!isOurs || index === BASE) return store(array, index, value);
      return this.#mortal.moment(() => store(array, index, value));
    }) as typeof Atomics.store;
  }

  #unpatch(): void {
    if (this.#store !== undefined) Atomics.store = this.#store;
    this.#store = undefined;
  }
}

function linesOf(bytes: Uint8Array): string[] {
  return Buffer.from(bytes).toString().split('\n').slice(0, -1);
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
