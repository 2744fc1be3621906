/**
 * What task-state.ts does, with rewrites of a few entries at a time: rounds then take many hand-overs, and end at all
 * sorts of moments.
 */
import { packValue, unpackValue } from '../../../src/actors/codec.ts';
import type { HandOver } from '../../../src/actors/task.ts';
import type { StateCell } from '../../../src/dstream/state/cell.ts';
import type { Random } from './drive.ts';

export class SmallSteps {
  readonly #cells: [string, StateCell][];
  readonly #random: Random;
  #first = 0;
  #next = 0;
  readonly #roundEnd: Map<string, number> = new Map();
  readonly #needs: Map<string, number> = new Map();

  constructor(cells: Readonly<Record<string, StateCell>>, random: Random) {
    this.#cells = Object.entries(cells);
    this.#random = random;
  }

  handOver(): HandOver {
    const part = this.#next++;
    let needed = part;
    const logs = this.#cells.map(([name, cell]) => {
      const changes = cell.changes();
      const { log, round } = cell.rewrite(1 + this.#random(6));
      if (round) {
        this.#needs.set(name, (this.#roundEnd.get(name) ?? -1) + 1);
        this.#roundEnd.set(name, part);
      }
      needed = Math.min(needed, this.#needs.get(name) ?? 0);
      return [changes, log];
    });
    const drop = needed - this.#first;
    this.#first = needed;
    return { mode: 'append', bytes: packValue(logs), drop };
  }

  restore(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      const logs = unpackValue(part) as unknown[][];
      this.#cells.forEach(([name, cell], i) => {
        for (const log of logs[i]!) if (log !== undefined) cell.apply(log);
        this.#roundEnd.set(name, parts.length - 1);
        this.#needs.set(name, 0);
      });
    }
    this.#next = parts.length;
  }
}
