import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PowerTrial } from './power-trial.ts';

const acts = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant('block' as const), bytes: fc.nat(120) }) },
    {
      weight: 9,
      arbitrary: fc.record({
        act: fc.constantFrom<'cut' | 'sync' | 'trim' | 'time' | 'thread' | 'kill' | 'power'>(
          'cut',
          'cut',
          'sync',
          'sync',
          'trim',
          'time',
          'time',
          'thread',
          'kill',
          'power',
        ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        act: fc.constant('fault' as const),
        after: fc.nat(6),
        times: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { maxLength: 60 },
);

it('nothing that was acknowledged is lost with the power, and nothing that was written with thread or process', async () => {
  await fc.assert(
    fc.asyncProperty(acts, fc.nat(), async (script, seed) => {
      expect(await new PowerTrial(seed).run(script)).toBe('whole');
    }),
    { numRuns: 400 },
  );
});
