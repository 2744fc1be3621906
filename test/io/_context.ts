/** A source's context that keeps what it is told, over one edge. */
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import type { SourceContext, SourceTold } from '../../src/io/source.ts';
import { ListEdge } from './_list-edge.ts';

export interface TestContext {
  readonly context: SourceContext;
  readonly env: SimEnv;
  readonly edge: ListEdge;
  readonly states: {
    readonly state: string;
    readonly error?: unknown;
    readonly retryInMs?: number;
  }[];
  readonly gaps: string[];
  readonly counts: Record<string, number>;
  readonly failures: unknown[];
  readonly told: SourceTold[];
  /** Resolves when `isTrue` holds; looks again after each call of the source. */
  until(isTrue: () => boolean): Promise<void>;
}

export interface TestContextOptions {
  readonly partitions?: number;
  readonly name?: string;
  readonly edge?: ListEdge;
  readonly startMs?: number;
}

export function testContext(options: TestContextOptions = {}): TestContext {
  const { partitions = 1, name = 'source', edge = new ListEdge(), startMs = 0 } = options;
  const env = simEnv(1, startMs);
  const states: TestContext['states'] = [];
  const gaps: string[] = [];
  const counts: Record<string, number> = {};
  const failures: unknown[] = [];
  const told: SourceTold[] = [];
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of waiting) look();
  };
  const after = <T>(value: T): T => {
    changed();
    return value;
  };
  edge.onRefuse = changed;
  const context: SourceContext = {
    env,
    name,
    partitions,
    maxBlockBytes: Math.floor(edge.size / 4),
    sendText: (head, tail, position) => after(edge.sendText(head, tail, position)),
    sendRows: (rows) => after(edge.sendRows(rows)),
    position: () => edge.position(),
    state: (state, detail) => after(void states.push({ state, ...detail })),
    possibleGap: (detail) => after(void gaps.push(detail)),
    counted: (what, count) => after(void (counts[what] = (counts[what] ?? 0) + count)),
    rate: () => Infinity,
    tell: (event) => after(void told.push(event)),
    fail: (error) => after(void failures.push(error)),
  };
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { context, env, edge, states, gaps, counts, failures, told, until };
}
