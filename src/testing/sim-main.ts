/** `npm run sim -- --seeds N [--seed S]`: runs the simulator over seeds, and says how each failing one fails. */
import { parseArgs } from 'node:util';
import { realEnv } from '../env/real.ts';
import { describeFailure, isFailure, shrink, trySeed } from './sim/explore.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    last: { type: 'string', default: '200' },
    once: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const { clock } = realEnv();
const first = Number(values.seed ?? 1);
const count =
  values.seed === undefined
    ? Number(values.seeds)
    : Math.max(1, process.argv.includes('--seeds') ? Number(values.seeds) : 1);
const began = clock.monotonic();
let failed = 0;
let turns = 0;
let batches = 0;
let deaths = 0;
for (let seed = first; seed < first + count; seed++) {
  const outcome = await trySeed(seed, { twice: !values.once });
  if (isFailure(outcome)) {
    failed++;
    say(describeFailure(await shrink(outcome), Number(values.last)));
    continue;
  }
  turns += outcome.turns;
  batches += outcome.batches;
  deaths += outcome.deaths;
}
const seconds = (clock.monotonic() - began) / 1000;
say(
  `${count} seeds, ${failed} failed; ${turns} turns, ${batches} batches, ${deaths} deaths in ${seconds.toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
