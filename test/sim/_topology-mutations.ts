/** Faults that are planted into topologies: each stands for a line that somebody may one day leave out. */
import { ReceiverEdgeReader } from '../../src/actors/receiver-edge.ts';
import { Tidings } from '../../src/actors/tracked.ts';
import { bodyWith } from '../../src/testing/sim/body-with.ts';
import type { SimHooks } from '../../src/testing/sim/simulation.ts';
import { Replay } from '../../src/topology/run/replay.ts';
import { SinkUnit } from '../../src/topology/run/sink-unit.ts';
import { StageUnit } from '../../src/topology/run/stage-unit.ts';
import { Timers } from '../../src/topology/run/timers.ts';
import { replaced } from './_replaced.ts';

export const TOPOLOGY_MUTATIONS: Readonly<Record<string, () => SimHooks>> = {
  'stages begin anew after a recovery': () =>
    replaced(StageUnit.prototype, 'restore', () => () => {}),
  'timers are not handed over': () => replaced(Timers.prototype, 'held', () => () => undefined),
  'sinks hand over nothing': () => replaced(SinkUnit.prototype, 'held', () => () => undefined),
  'results are told before they are held': () => ({ tellsWhenHeld: false }),
  'files get names of their own when they are written': () => {
    let n = 0;
    return {
      body: (body, _task, disk) =>
        bodyWith(body, {
          handOver: (barrier) => {
            const handOver = body.handOver(barrier);
            for (const { from, to } of handOver?.publish ?? []) disk.rename(from, `${to}-${n++}`);
            return handOver;
          },
        }),
    };
  },
  'files never get their names': () => ({
    fromWorker: (message) =>
      message.type === 'taken' && message.handOver?.publish !== undefined
        ? { ...message, handOver: { ...message.handOver, publish: [] } }
        : message,
  }),
  'what a source has on its way is not handed over': () =>
    replaced(Replay.prototype, 'held', () => () => undefined),
  'a record that failed counts as worked off': () =>
    replaced(
      Tidings.prototype,
      'failed',
      () =>
        function (this: Tidings, root) {
          this.acked(root);
        },
    ),
  'at-most-once reads again': () =>
    replaced(ReceiverEdgeReader.prototype, 'isOld', () => () => false),
};
