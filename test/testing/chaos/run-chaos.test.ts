/** A claim that isn't true is found, with what was found instead; a script that can't be run says so; nothing is left. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chaos, type ChaosBuilder, runChaos } from 'millrace/testing';
import { describe, expect, it, vi } from 'vitest';
import { pictureOf } from '../../../src/testing/chaos/picture.ts';

const NUMBERS = new URL('../../../chaos/numbers.ts', import.meta.url);

describe('claims that do not hold', () => {
  it('are told one by one; those that hold hold; the report is whole', async () => {
    const room = mkdtempSync(join(tmpdir(), 'claims-'));
    vi.stubEnv('TMPDIR', room);
    const report = await runChaos(
      NUMBERS,
      chaos((c) => {
        c.serve('port', { rate: 5000 });
        c.for('1200ms');
        c.onBatch(2).kill('worker');
        c.claim.ledgerExact('records');
        c.claim.ledgerExact('nothing');
        c.claim.restarts(5);
        c.claim.deaths({ atLeast: 1, atMost: 2 });
        c.claim.recovery({ atMostMs: 0 });
        c.claim.seen('drained', { atLeast: 2 });
        c.claim.fails('ERR_MILLRACE_REACHED_MAX_RESTARTS');
      }),
    );
    expect(report.failed).toEqual([
      'ledger of nothing exact: the job collected no such stream',
      'restarts: 5: 1',
      expect.stringMatching(/^recovery at most 0 ms: 1 times, median \d+ ms, at most \d+ ms$/),
      'events drained: at least 2: 1',
      'the job fails with ERR_MILLRACE_REACHED_MAX_RESTARTS: it did not fail',
    ]);
    expect(report.ok).toBe(false);
    expect(report.timeline).toEqual([
      expect.objectContaining({
        fault: 'kill worker',
        target: expect.stringMatching(/^worker \(thread \d+\)$/) as string,
        saw: expect.arrayContaining(['worker died: killed', 'all at work']) as string[],
      }),
    ]);
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ restarts: 1, deaths: 1, code: 0 });
    expect(pictureOf(report)).toMatch(/^<svg [^]*kill worker[^]*FAIL[^]*<\/svg>\n$/);
    vi.unstubAllEnvs();
    // The loader of TypeScript has a cache there.
    expect(readdirSync(room).filter((name) => name.startsWith('millrace-'))).toEqual([]);
    rmSync(room, { recursive: true });
  });
});

describe('a fault that never came', () => {
  it('fails the verdict: what the script says was not tried', async () => {
    const report = await runChaos(
      NUMBERS,
      chaos((c) => {
        c.serve('port', { rate: 1000 });
        c.for('600ms');
        c.at('20s').kill('worker');
        c.onBatch(100).kill('worker');
        c.on('deadLetter').kill('worker');
      }),
    );
    expect(report.failed).toEqual([
      'all faults were done: 0 of 0; these never came: at 20000 ms, batch 100, deadLetter 1',
    ]);
  });
});

describe('a run that can not begin', () => {
  it('rejects what is no script', async () => {
    await expect(runChaos(NUMBERS, {} as never)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NO_SCRIPT',
    });
  });

  it('rejects two servers of one name', async () => {
    const script = chaos((c) => {
      c.serve('port');
      c.serve('port');
    });
    await expect(runChaos(NUMBERS, script)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_SCRIPT',
    });
  });

  it.each<[string, (c: ChaosBuilder) => unknown, RegExp]>([
    ['an event', (c) => c.on('actorExitd' as never).kill(), /'actorExitd' .*mean 'actorExited'/],
    ['an event that is claimed', (c) => c.claim.seen('drain' as never, 1), /mean 'drained'/],
    ['a victim', (c) => c.at('1s').kill('wroker' as never), /mean 'worker'/],
    ['a way', (c) => c.at('1s').kill('worker', 'sigkill' as never), /none of terminate, throw/],
    ['a signal', (c) => c.at('1s').signal('SIGKILL' as never), /none of SIGTERM, SIGINT/],
    ['the number of a batch', (c) => c.onBatch(0).kill(), /onBatch: 0/],
    ['a time', (c) => c.at('1 sec.' as never).kill(), /1 sec\./],
  ])('rejects %s that is none, with what there is', async (_what, define, message) => {
    const script = chaos((c) => {
      c.serve('port');
      define(c);
    });
    await expect(runChaos(NUMBERS, script)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_SCRIPT',
      message: expect.stringMatching(message) as string,
    });
    await expect(runChaos(NUMBERS, script)).rejects.toThrow(/run-chaos\.test\.ts:\d+$/);
  });

  it('judges a job that fails at its start: bad options', async () => {
    const report = await runChaos(
      NUMBERS,
      chaos((c) => {
        c.serve('port');
        c.run({ retainBytes: 1 });
        c.claim.fails('ERR_MILLRACE_BAD_OPTION', /retainBytes/);
      }),
    );
    expect(report.failed).toEqual([]);
  });
});
