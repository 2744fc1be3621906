/**
 * What goes wrong in a simulated run, and when. A plan of faults is drawn from the seed before the run and is a list of
 * its own, so a failing run can be tried again with some of them left out.
 */
import type { Pcg32 } from '../../env/pcg32.ts';

export type SimRole = 'worker' | 'coordinator' | 'sources';

/** What a thread does when it dies; `store` is one to a shared word. */
export type Operation =
  | 'store'
  | 'write'
  | 'remove'
  | 'sync'
  | 'post'
  | 'block'
  | 'barrier'
  | 'handOver'
  | 'durable';

export interface Death {
  readonly operation: Operation;
  /** How many of them it does before. */
  readonly after: number;
  /** `torn`: a write of which a part reaches the disk. */
  readonly when: 'before' | 'after' | 'torn';
}

export type Fault =
  /** Dies at once, or at an operation. With `zombieTurns` it is taken for dead and goes on for so many turns. */
  | {
      readonly kind: 'kill';
      readonly turn: number;
      readonly role: SimRole;
      readonly pick: number;
      readonly death?: Death;
      readonly zombieTurns: number;
    }
  /** A worker is taken for hung: its successor starts before it is dead. */
  | {
      readonly kind: 'hang';
      readonly turn: number;
      readonly pick: number;
      readonly zombieTurns: number;
    }
  /** User functions throw. */
  | {
      readonly kind: 'throw';
      readonly turn: number;
      readonly after: number;
      readonly times: number;
    }
  /** The disk refuses. */
  | {
      readonly kind: 'disk';
      readonly turn: number;
      readonly role: SimRole;
      readonly pick: number;
      readonly times: number;
    }
  /** A source loses its connection, or throws. */
  | {
      readonly kind: 'disconnect';
      readonly turn: number;
      readonly source: number;
      readonly how: 'lost' | 'throws';
    }
  /** A thread does not come up, several times. */
  | { readonly kind: 'start'; readonly turn: number; readonly times: number }
  /**
   * The process dies: at once, or before its n-th operation on the disk from then on. `again`: it dies at that operation
   * of its next life, and so on. `power`: what was not synced is lost, too.
   */
  | {
      readonly kind: 'process';
      readonly turn: number;
      readonly power: boolean;
      readonly operation?: number;
      readonly again: readonly number[];
      /** And the newest checkpoint is damaged. */
      readonly damage?: boolean;
      /** Virtual time until it is started again. */
      readonly downMs: number;
    }
  /** The disk is full or slow for so long, in virtual ms. */
  | { readonly kind: 'full' | 'slow'; readonly turn: number; readonly ms: number }
  /** The disk fails to sync. */
  | { readonly kind: 'sync'; readonly turn: number; readonly times: number }
  /** The wall clock is set. */
  | { readonly kind: 'clock'; readonly turn: number; readonly byMs: number }
  /** A thread gets no turn. */
  | {
      readonly kind: 'stall';
      readonly turn: number;
      readonly role: SimRole | 'main';
      readonly pick: number;
      readonly turns: number;
    };

/** Faults of a job whose process may die, beside those of any job. */
export function planProcessFaults(chance: Pcg32, turns: number, batchIntervalMs: number): Fault[] {
  // Whatever is missed meanwhile has to be made up for.
  const batches = (most: number, mostMs: number): number =>
    chance.below(Math.min(most * batchIntervalMs, mostMs));
  return Array.from({ length: 1 + chance.below(4) }, (): Fault => {
    // Much is about to begin at first.
    const turn = chance.below(chance.below(3) === 0 ? 120 : turns);
    const kind = chance.below(8);
    if (kind === 0) return { kind: 'full', turn, ms: 20 + batches(8, 600) };
    if (kind === 1) return { kind: 'slow', turn, ms: 20 + batches(8, 400) };
    if (kind === 2) return { kind: 'sync', turn, times: 1 + chance.below(4) };
    const power = chance.below(3) > 0;
    const downMs = chance.below(4) === 0 ? batches(8, 600) : batches(1, 60);
    const again = Array.from({ length: chance.below(3) }, () => chance.below(40));
    const operation = chance.below(4) === 0 ? {} : { operation: chance.below(60) };
    const damage = chance.below(6) === 0 ? { damage: true } : {};
    return { kind: 'process', turn, power, ...operation, again, ...damage, downMs };
  });
}

/** What threads do; the sources store most, and what they leave half done is the hardest to go on from. */
const OPERATIONS: Readonly<Record<SimRole, readonly Operation[]>> = {
  worker: ['store', 'store', 'write', 'post', 'block', 'barrier', 'handOver'],
  coordinator: ['store', 'write', 'write', 'remove', 'post', 'post'],
  sources: ['store', 'store', 'store', 'store', 'post', 'write'],
};

/** Draws a plan of up to `most` faults in the first `turns` turns; half of all deaths are of `favourite`. */
export function planFaults(
  chance: Pcg32,
  most: number,
  turns: number,
  favourite?: SimRole,
): Fault[] {
  const faults = Array.from({ length: chance.below(most + 1) }, () =>
    planFault(chance, chance.below(turns), favourite),
  );
  return faults.sort((a, b) => a.turn - b.turn);
}

function planFault(chance: Pcg32, turn: number, favourite: SimRole | undefined): Fault {
  const pick = chance.below(1024);
  const kind = chance.below(22);
  if (kind < 12) {
    const role = favourite !== undefined && chance.below(2) === 0 ? favourite : drawRole(chance);
    const zombieTurns = chance.below(4) === 0 ? 1 + chance.below(150) : 0;
    if (zombieTurns > 0 || chance.below(4) === 0)
      return { kind: 'kill', turn, role, pick, zombieTurns };
    return { kind: 'kill', turn, role, pick, zombieTurns, death: drawDeath(chance, role) };
  }
  if (kind < 14) return { kind: 'hang', turn, pick, zombieTurns: 1 + chance.below(200) };
  if (kind < 16)
    return { kind: 'throw', turn, after: chance.below(40), times: 1 + chance.below(3) };
  if (kind < 17)
    return { kind: 'disk', turn, role: drawRole(chance), pick, times: 1 + chance.below(2) };
  if (kind < 18)
    return {
      kind: 'disconnect',
      turn,
      source: chance.below(2),
      how: chance.below(2) === 0 ? 'lost' : 'throws',
    };
  if (kind < 19) return { kind: 'start', turn, times: 1 + chance.below(3) };
  if (kind < 20) return { kind: 'clock', turn, byMs: chance.below(1200) - 1000 };
  // The embedding thread runs what else its process does, and may be away for long.
  if (chance.below(3) === 0)
    return { kind: 'stall', turn, role: 'main', pick, turns: 1 + chance.below(2000) };
  return { kind: 'stall', turn, role: drawRole(chance), pick, turns: 1 + chance.below(300) };
}

function drawRole(chance: Pcg32): SimRole {
  const drawn = chance.below(10);
  return drawn < 4 ? 'worker' : drawn < 7 ? 'coordinator' : 'sources';
}

function drawDeath(chance: Pcg32, role: SimRole): Death {
  const operations = OPERATIONS[role];
  const operation = operations[chance.below(operations.length)]!;
  const whens =
    operation === 'write' ? (['before', 'after', 'torn'] as const) : (['before', 'after'] as const);
  return {
    operation,
    after: chance.below(chance.below(3) > 0 ? 6 : 40),
    when: whens[chance.below(whens.length)]!,
  };
}

export function describeFault(fault: Fault): string {
  const { kind, turn, ...rest } = fault;
  return `turn ${turn}: ${kind} ${JSON.stringify(rest)}`;
}
