/** Looks on while a stage is verified: what its snapshots are later on, and whether it asks for time or chance. */
import { packValue } from '../../actors/codec.ts';
import { isStageClass } from '../../topology/stage.ts';
import { sameBytes } from './findings.ts';
import type { AnyStage } from './stage-bench.ts';

interface WithSnapshot {
  snapshot(): unknown;
}

type Asked = readonly [owner: object, name: string, as: string];

const ASKED: readonly Asked[] = [
  [Math, 'random', 'Math.random()'],
  [Date, 'now', 'Date.now()'],
  [globalThis.performance, 'now', 'performance.now()'],
];

export class Watch {
  readonly #asked = new Set<string>();
  #given: unknown;
  #taken: { readonly value: unknown; readonly bytes: Uint8Array } | undefined;

  /** The same stage, whose snapshots are seen. */
  around(stage: AnyStage): AnyStage {
    if (!isStageClass(stage)) return stage;
    const Base = stage as unknown as new () => WithSnapshot;
    if (typeof (Base.prototype as Partial<WithSnapshot>).snapshot !== 'function') return stage;
    const saw = (given: unknown): unknown => (this.#given = given);
    return class extends Base {
      override snapshot(): unknown {
        return saw(super.snapshot());
      }
    } as unknown as AnyStage;
  }

  /** Runs something, and notes who asks for time or chance meanwhile. */
  during<T>(act: () => T): T {
    const undo = ASKED.map(([owner, name, as]) => {
      const table = owner as Record<string, (...args: unknown[]) => unknown>;
      const original = table[name]!;
      table[name] = (...args) => {
        this.#asked.add(as);
        return original.apply(owner, args);
      };
      return () => {
        table[name] = original;
      };
    });
    try {
      return act();
    } finally {
      for (const each of undo) each();
    }
  }

  /** What it asked for; undefined when that is nothing. */
  asked(): string | undefined {
    return this.#asked.size === 0 ? undefined : [...this.#asked].join(', ');
  }

  /** A hand-over was made. Gives what snapshot gave for it, and looks at that again in `changed`. */
  took(): Uint8Array | undefined {
    const value = this.#given;
    this.#given = undefined;
    this.#taken = value === undefined ? undefined : { value, bytes: packValue([value]) };
    return this.#taken?.bytes;
  }

  /** The snapshot of the hand-over before has changed. */
  changed(): boolean {
    return (
      this.#taken !== undefined && !sameBytes(this.#taken.bytes, packValue([this.#taken.value]))
    );
  }
}
