/**
 * Processes that die at each of their operations on the disk, one run for each: killed, when the kernel keeps what was
 * written, and with the power, when only what was synced is sure to be there. What must hold is said in
 * src/testing/sim/simulation.ts, history.ts (L1) and ledger.ts.
 */
import { describe, expect, test } from 'vitest';
import { describeFailure, isFailure, tryScenario } from '../../src/testing/sim/explore.ts';
import type { Fault } from '../../src/testing/sim/faults.ts';
import { scenarioFrom, type Scenario } from '../../src/testing/sim/scenario.ts';

function short(job: string, isPlain: boolean): Scenario {
  return scenarioFrom({
    job,
    seed: 5,
    batchIntervalMs: 50,
    batches: 3,
    largeBlocks: false,
    workers: 2,
    spares: 0,
    partitions: 2,
    sourcePartitions: 1,
    mode: 'clock',
    kernels: false,
    form: 'closures',
    reliefIntervalMs: 40,
    lines: 25,
    ringBytes: 256,
    receiverBytes: 4096,
    sleeping: false,
    timerTurns: 20,
    deliveryTurns: 400,
    pumpTurns: 20,
    poison: [],
    faults: [],
    checkpoint: { intervalMs: 50, isPlain },
  });
}

/** Dies at the first operation, the second, and so on, until it ends before it dies. */
async function dyingAtEach(
  scenario: Scenario,
  death: Partial<Fault>,
): Promise<{ readonly failed: string; readonly operations: number }> {
  const failed: string[] = [];
  let operation = 0;
  for (; failed.length === 0; operation++) {
    const fault = { kind: 'process', turn: 0, operation, again: [], downMs: 20, ...death };
    const faults = [fault as Fault];
    const outcome = await tryScenario({ ...scenario, faults }, { twice: false });
    if (isFailure(outcome)) failed.push(describeFailure(outcome, 60));
    else if (outcome.processDeaths === 0) break;
  }
  return { failed: failed.join('\n\n'), operations: operation };
}

describe.each([
  ['keyed state', true],
  ['topology: count by key, and files', false],
])('%s', (job, isPlain) => {
  test.each([
    ['is killed', false],
    ['loses its power', true],
  ])('goes on when it %s before any of its operations on the disk', async (_how, power) => {
    const { failed, operations } = await dyingAtEach(short(job, isPlain), { power });
    expect(failed).toBe('');
    expect(operations).toBeGreaterThan(50);
  });
});

test('a job goes on when it dies twice more while it starts', async () => {
  const { failed } = await dyingAtEach(short('keyed state', true), { power: true, again: [3, 12] });
  expect(failed).toBe('');
});
