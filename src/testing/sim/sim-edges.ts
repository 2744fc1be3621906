/**
 * The edges of a simulated job: real ones of the smallest size, and what is looked at on them.
 *
 * T1  BASE <= TAIL <= BASE + size on receiver edges, HEAD <= TAIL <= HEAD + size on inner rings of the newest epoch.
 * T2  An edge is opened by one reader an epoch.
 * T3  Held barriers ascend, and BASE is moved only to where a held recovery point ends.
 * T6  A ring that is handed on has nobody left who could touch it.
 */
import type { Bell } from '../../actors/doorbell.ts';
import { LocalQueue } from '../../actors/queue.ts';
import { createRing, type RingMemory } from '../../actors/ring.ts';
import { CONSUMER_HEAD, HEAD, ROOM_WANTED, TAIL } from '../../actors/ring-layout.ts';
import type { EdgeEnd } from '../../actors/messages.ts';
import type { EdgeOpener } from '../../actors/thread-host.ts';
import { edgeMemory } from '../../run/edge-memory.ts';
import { edgeOpener } from '../../run/edge-opener.ts';
import type { EdgeMemory } from '../../supervision/coordinator.ts';
import { HeldIndex } from '../../supervision/held-index.ts';
import type { Life } from './life.ts';
import { Wrong } from './world.ts';

/** A free place in the control words of a ring: its number, by which copies of its memory are known. */
const NUMBER = 1;

/** Who has opened a ring. */
export interface RingUser {
  readonly name: string;
  /** It can't touch it any more. */
  hasLetGo(epoch: number): boolean;
}

interface Ring {
  readonly epoch: number;
  readonly words: Int32Array;
  readonly size: number;
}

export class SimEdges {
  /** Number of the newest held barrier. */
  lastHeld = 0;
  readonly #life: Life;
  #rings: Ring[] = [];
  /** Words of the newest consumers. */
  #consumers: Int32Array[] = [];
  #opened = new Set<string>();
  /** By number of the ring: who has opened it, in which epoch, since it was made or handed on. */
  readonly #users = new Map<number, { readonly user: RingUser; readonly epoch: number }[]>();
  /** Rings that were made. */
  made = 0;
  handedOn = 0;

  constructor(life: Life) {
    this.#life = life;
    this.lastHeld = life.start;
  }

  /** What a coordinator makes edges of. */
  memory(epoch: () => number): EdgeMemory {
    const { receivers, world } = this.#life;
    const { scenario, env } = world;
    const { ringBytes } = scenario;
    const inner = edgeMemory(receivers, { ringBytes, checksum: true });
    return {
      ...inner,
      createRing: (): RingMemory => {
        const start = env.chance.below(4) === 0 ? 0xffff_ffc0 : 0;
        const memory = createRing(ringBytes, { checksum: true, start });
        new Int32Array(memory.control)[NUMBER] = ++this.made;
        this.#lend(memory, epoch());
        return memory;
      },
      resetRing: (memory) => {
        this.#checkHandedOn(memory);
        inner.resetRing(memory);
        this.handedOn++;
        this.#lend(memory, epoch());
      },
      createWords: () => {
        const words = inner.createWords();
        this.#consumers.push(new Int32Array(words));
        if (this.#consumers.length > receivers.size) this.#consumers.shift();
        return words;
      },
      setBase: (edge, offset) => {
        this.#checkBase(edge, offset);
        inner.setBase(edge, offset);
      },
    };
  }

  /** What a worker opens them with. */
  opener(bellOf: (slot: number) => Bell, user: RingUser): EdgeOpener {
    const { world, plan } = this.#life;
    const { hooks } = world;
    const opener = edgeOpener(bellOf);
    return {
      openIn: (end, epoch) => {
        this.#checkOpen(end.edge, epoch);
        this.#uses(end, epoch, user);
        const edge = opener.openIn(end, epoch);
        return hooks.openIn?.(edge, end, epoch, plan) ?? edge;
      },
      openOut: (end, epoch) => {
        this.#uses(end, epoch, user);
        const edge = opener.openOut(end, epoch);
        return hooks.openOut?.(edge, end, epoch) ?? edge;
      },
      local: () => new LocalQueue({ maxFrames: 1 }),
    };
  }

  /** After every turn. */
  look(): void {
    for (const observer of this.#life.observers.values()) {
      const wrong = observer.look();
      if (wrong !== undefined) throw new Wrong(`T1: ${wrong}`);
    }
    const newest = this.#rings.at(-1)?.epoch ?? 0;
    if (this.#rings.length > 0 && this.#rings[0]!.epoch !== newest)
      this.#rings = this.#rings.filter(({ epoch }) => epoch === newest);
    for (const { words, size } of this.#rings) {
      const used = (Atomics.load(words, TAIL) - Atomics.load(words, HEAD)) | 0;
      if (used < 0 || used > size)
        throw new Wrong(`T1: an inner ring of ${size} bytes holds ${used}`);
    }
  }

  /** Changes when anything has moved, parts of blocks too. */
  positions(): number {
    let sum = 0;
    for (const { words } of this.#rings) sum += words[TAIL]! + words[HEAD]!;
    for (const words of this.#consumers) sum += words[CONSUMER_HEAD]!;
    for (const { control } of this.#life.receivers.values()) sum += new Int32Array(control)[TAIL]!;
    return sum;
  }

  /** A sender waits for half a ring, and its reader has something left to read. */
  get someReaderIsBehind(): boolean {
    return this.#rings.some(({ words }) => words[ROOM_WANTED] !== 0 && words[TAIL] !== words[HEAD]);
  }

  describe(): string[] {
    return this.#rings.map(
      ({ epoch, words, size }) =>
        `ring of epoch ${epoch}: ${(words[TAIL]! - words[HEAD]!) | 0} of ${size} bytes, room wanted ${words[ROOM_WANTED]}, head ${words[HEAD]! >>> 0}`,
    );
  }

  #lend(memory: RingMemory, epoch: number): void {
    const words = new Int32Array(memory.control);
    this.#users.set(words[NUMBER]!, []);
    this.#rings.push({ epoch, words, size: memory.data.byteLength });
  }

  #uses(end: EdgeEnd, epoch: number, user: RingUser): void {
    if (end.kind !== 'ring') return;
    this.#users.get(new Int32Array(end.memory.control)[NUMBER]!)?.push({ user, epoch });
  }

  #checkHandedOn({ control }: RingMemory): void {
    const users = this.#users.get(new Int32Array(control)[NUMBER]!) ?? [];
    for (const { user, epoch } of users)
      if (!user.hasLetGo(epoch))
        this.#life.world.wrong.push(
          `T6: a ring of epoch ${epoch} is handed on, and ${user.name} has it`,
        );
  }

  #checkOpen(edge: number, epoch: number): void {
    const key = `${edge} ${epoch}`;
    if (this.#opened.has(key))
      this.#life.world.wrong.push(`T2: edge ${edge} is opened twice in epoch ${epoch}`);
    this.#opened.add(key);
  }

  #checkBase(edge: number, offset: number): void {
    const { world, observers } = this.#life;
    const { env, wrong } = world;
    const held = new HeldIndex(env.disk, world.directory).read();
    if (held.barrier < this.lastHeld)
      wrong.push(`T3: barrier ${held.barrier} is held behind ${this.lastHeld}`);
    this.lastHeld = held.barrier;
    const observer = observers.get(edge)!;
    observer.look();
    const end = observer.offsets.get(held.barrier);
    if (end === offset >>> 0) return;
    wrong.push(
      `T3: BASE of edge ${edge} moves to ${offset}, and held barrier ${held.barrier} ends at ${end}`,
    );
  }
}
