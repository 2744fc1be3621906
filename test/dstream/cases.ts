/**
 * Tests by table: batches in, batches out. Each case runs in the calling thread with one to three partitions; all that
 * don't fail run together on worker threads, and once more on workers that die in the middle.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from 'millrace';
import { runBatches } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import type { Case, CaseArgs, Cases } from '../fixtures/jobs/_case-job.ts';
import { byContent, timesOf } from '../semantics/compare.ts';

const PARTITIONS = [1, 2, 3] as const;
/** Calls of `called()` at which workers die. */
const DEATHS = [5, 23, 61, 90, 120];

export interface TestCasesOptions {
  /** Whether functions of the cases say `called()`, so that workers can be told to die. @default true */
  readonly deaths?: boolean;
  /** @default 'memory' */
  readonly stateStore?: 'memory' | 'disk';
}

/** Makes the tests of a job of cases (`caseJob`). */
export function testCases(
  title: string,
  job: Job<CaseArgs>,
  cases: Cases,
  options: TestCasesOptions = {},
): void {
  const names = Object.keys(cases).filter((name) => cases[name]!.fails === undefined);
  const inputs = names.flatMap((name) => cases[name]!.inputs);
  const batches = Math.max(0, ...names.map((name) => cases[name]!.gives.length));
  const { stateStore = 'memory' } = options;
  const together = { inputs, batches, partitions: 2, stateStore, args: { names } };

  describe(`${title}`, () => {
    for (const [name, each] of Object.entries(cases)) {
      it.each(PARTITIONS)(`${name}, partitions: %i`, async (partitions) => {
        const out = await runBatches(
          {
            inputs: each.inputs,
            batches: each.gives.length,
            partitions,
            stateStore,
            args: { names: [name] },
          },
          job,
        );
        const { fails = {} } = each;
        expect(out.errors.map(({ time }) => time / 1000)).toEqual(Object.keys(fails).map(Number));
        for (const { time, error } of out.errors) {
          const { code, says } = fails[time / 1000]!;
          expect(error).toMatchObject({ code });
          let from = 0;
          for (const part of says) {
            const at = error.message.indexOf(part, from);
            expect(at, `${part} in ${error.message}`).toBeGreaterThanOrEqual(from);
            from = at;
          }
        }
        expect(out.collected[name]!.map((batch) => given(each, batch))).toEqual(wanted(each));
      });
    }

    if (names.length === 0) return;

    it('all of it is the same on worker threads, partition by partition', async () => {
      const here = await runBatches({ ...together, threads: 0 }, job);
      const there = await runBatches({ ...together, threads: 2 }, job);
      expect(here.errors).toEqual([]);
      expect(there).toEqual(here);
    });

    if (options.deaths === false) return;

    it('all of it is the same when workers die in the middle of what they do', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-cases-'));
      const out = await runBatches(
        {
          ...together,
          threads: 2,
          args: { names, deaths: { directory, at: DEATHS } },
          supervision: { maxRestarts: 20, backoff: { maxMs: 50 } },
        },
        job,
      );
      const died = readdirSync(directory).length;
      rmSync(directory, { recursive: true });
      expect(out.errors).toEqual([]);
      expect(died).toBeGreaterThan(2);
      for (const name of names) {
        const each = cases[name]!;
        const last = 1000 * each.gives.length;
        const got = out.collected[name]!.filter(({ time }) => time <= last);
        expect([name, got.map((batch) => given(each, batch))]).toEqual([name, wanted(each)]);
      }
    });
  });
}

interface Told {
  readonly time: number;
  readonly values: readonly unknown[];
}

function given({ anyOrder }: Case, { time, values }: Told): Told {
  return { time, values: anyOrder ? byContent(values) : values };
}

function wanted({ gives, anyOrder }: Case): Told[] {
  return timesOf(gives, (values) => (anyOrder ? byContent(values) : values));
}
