/**
 * What may happen to a sink, step by step: to its instances `verifySink` does each of these, with a fresh job each time.
 *
 *   process ─▶ prepare ─▶ held ─▶ counts ─▶ commit ─▶ done
 *          ▏1        ▏2      ▏3         ▏4     ▏5    ▏6        places at which it dies
 */
import { Interrupted, never, trapped } from './death.ts';
import { observed } from './observer.ts';
import type { Scene } from './scene.ts';

export interface Scenario {
  readonly title: string;
  /** @default 1 */
  readonly instances?: number;
  /** Only of a sink that commits. */
  readonly commits?: boolean;
  /** Only of one that writes on the disk that it is given. */
  readonly disk?: boolean;
  readonly run: (scene: Scene) => Promise<void>;
}

const RECORDS = 6;
const NOT_YET = 'their point does not count yet';

export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'undisturbed',
    run: async (s) => {
      const given = await s.give(RECORDS);
      await s.showsNone(given, 'no point came behind them');
      const first = await s.bench.point();
      await s.showsNone(given, NOT_YET);
      await s.bench.durable(first);
      await s.shows(given);
      // Nothing comes for two points.
      await s.bench.point();
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
      given.push(...(await s.give(2)));
      await s.bench.point();
      given.push(...(await s.give(1)));
      const last = await s.bench.point();
      await s.showsNone(given.slice(RECORDS), NOT_YET);
      await s.bench.durable(last);
      await s.shows(given);
    },
  },
  {
    title: 'it dies before it prepares',
    run: async (s) => {
      const given = await s.give(RECORDS);
      await s.dies('thread');
      await s.bench.give(given);
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'it dies when it has prepared, and the point comes to nothing',
    run: async (s) => {
      const given = await s.give(RECORDS);
      const barrier = s.bench.barrier();
      for (const instance of s.bench.instances) await instance.reach(barrier);
      s.bench.goBackTo(barrier.number - 1);
      await s.dies('thread');
      await s.showsNone(given, NOT_YET);
      await s.bench.give(given);
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'its thread dies when the point is held',
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      await s.dies('thread');
      await s.showsNone(given, NOT_YET);
      await s.bench.durable(point);
      await s.shows(given);
    },
  },
  {
    title: 'its process dies when the point is held and does not count',
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      s.bench.goBackTo(point - 1);
      await s.dies('process');
      await s.bench.give(given);
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'it dies inside a batch',
    run: async (s) => {
      const given = await s.give(RECORDS);
      await s.bench.point(false);
      await s.dies('thread');
      given.push(...(await s.give(2)));
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'it dies when the point counts, before it commits',
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [instance] = s.bench.instances;
      instance!.mortal.next('commit', never);
      instance!.publish(point);
      void instance!.commit(point);
      await s.turn();
      await s.dies('process');
      await s.shows(given);
    },
  },
  {
    title: 'it dies in the middle of its commit',
    commits: true,
    run: async (s) => {
      const all: unknown[] = [];
      for (const at of [0, 1, Math.floor(RECORDS / 2), RECORDS - 1, RECORDS]) {
        const given = await s.give(RECORDS);
        const point = await s.bench.point();
        const [instance] = s.bench.instances;
        const over = new Promise<void>((resolve) => {
          instance!.mortal.next('commit', async (call, [id, output]) => {
            try {
              await call([id, trapped(output, at)]);
            } catch (error) {
              if (!(error instanceof Interrupted) && at > 0)
                s.find('throws', `interrupted, it says ${String(error)}`);
            }
            resolve();
            return never();
          });
        });
        instance!.publish(point);
        void instance!.commit(point);
        await instance!.settled(over);
        const shown = (await s.seen()).length - all.length;
        if (shown > 0 && shown < RECORDS)
          s.find('not-atomic', `interrupted at record ${at}, it shows ${shown} of ${RECORDS}`);
        await s.dies('process');
        all.push(...given);
        await s.shows(all);
      }
    },
  },
  {
    title: 'others look on while it commits',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [instance] = s.bench.instances;
      instance!.mortal.next('commit', (call, args) => observed(s, point, () => call(args)));
      await s.bench.durable(point);
      await s.shows(given);
    },
  },
  {
    title: 'it dies right behind its commit, before anybody hears of it',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [instance] = s.bench.instances;
      const over = new Promise<void>((resolve) => {
        instance!.mortal.next('commit', async (call, args) => {
          await call(args);
          resolve();
          return never();
        });
      });
      instance!.publish(point);
      void instance!.commit(point);
      await instance!.settled(over);
      await s.dies('process');
      await s.shows(given);
      await holdsRight(s, point);
    },
  },
  {
    title: 'its commit takes place, and it hears that it failed',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      s.bench.instances[0]!.mortal.next('commit', async (call, args) => {
        await call(args);
        throw new Error('the connection was lost');
      });
      await s.bench.durable(point);
      await s.shows(given);
    },
  },
  {
    title: 'its target is away for a while',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const { mortal } = s.bench.instances[0]!;
      const away = (): never => {
        throw new Error('connection refused');
      };
      mortal.next('holds', away);
      mortal.next('commit', () => {
        mortal.next('commit', away);
        return away();
      });
      await s.bench.durable(point);
      await s.shows(given);
    },
  },
  {
    title: 'its commit is called twice',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      s.bench.instances[0]!.mortal.next('commit', async (call, args) => {
        await call(args);
        await call(args);
      });
      await s.bench.durable(point);
      await s.shows(given);
    },
  },
  {
    title: 'a commit of a dead life arrives behind those of its successor',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [instance] = s.bench.instances;
      let late: (() => unknown) | undefined;
      instance!.mortal.next('commit', (call, args) => {
        late = () => call(args);
        return never();
      });
      instance!.publish(point);
      void instance!.commit(point);
      await s.turn();
      await s.dies('process');
      given.push(...(await s.give(2)));
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
      await instance!.settled(Promise.resolve(late?.()));
      await s.shows(given);
      given.push(...(await s.give(2)));
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
      await holdsRight(s, s.bench.number);
    },
  },
  {
    title: 'a commit of a dead life arrives when its successor has asked what the target holds',
    commits: true,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [instance] = s.bench.instances;
      let late: (() => unknown) | undefined;
      instance!.mortal.next('commit', (call, args) => {
        late = () => call(args);
        return never();
      });
      instance!.publish(point);
      void instance!.commit(point);
      await s.turn();
      s.deaths++;
      s.bench.die();
      s.bench.start('process');
      instance!.mortal.next('commit', async (call, args) => {
        await late?.();
        await call(args);
      });
      await instance!.settled(instance!.restarted);
      await s.shows(given);
    },
  },
  {
    title: 'it dies with several outputs that are kept',
    run: async (s) => {
      const given: unknown[] = [];
      for (let n = 0; n < 3; n++) {
        given.push(...(await s.give(RECORDS)));
        await s.bench.point();
      }
      await s.dies('thread');
      await s.bench.durable(s.bench.number);
      await s.shows(given);
      given.push(...(await s.give(1)));
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'it goes back to an older checkpoint, since the newest is damaged',
    run: async (s) => {
      const given = await s.give(RECORDS);
      const first = await s.bench.point();
      await s.bench.durable(first);
      const again = [await s.give(RECORDS)];
      await s.bench.durable(await s.bench.point());
      again.push(await s.give(RECORDS));
      await s.bench.durable(await s.bench.point());
      s.bench.goBackTo(first);
      await s.dies('process');
      for (const records of again) {
        await s.bench.give(records);
        await s.bench.durable(await s.bench.point());
      }
      given.push(...again.flat(), ...(await s.give(2)));
      await s.bench.durable(await s.bench.point());
      await s.shows(given);
    },
  },
  {
    title: 'of two instances one has committed, and both die',
    instances: 2,
    run: async (s) => {
      const given = await s.give(RECORDS);
      const point = await s.bench.point();
      const [one, other] = s.bench.instances;
      await one!.durable(point);
      other!.mortal.next('commit', never);
      other!.publish(point);
      void other!.commit(point);
      await s.turn();
      await s.dies('process');
      await s.shows(given);
    },
  },
  {
    title: 'its disk is full for a while',
    disk: true,
    run: async (s) => {
      const given: unknown[] = [];
      for (const room of [0, 1, 7]) {
        s.disk.fill(room, 3);
        given.push(...(await s.give(RECORDS)));
        await s.bench.durable(await s.bench.point());
        await s.shows(given);
      }
    },
  },
];

/** `holds()` of a new life gives the newest id. */
async function holdsRight(s: Scene, wanted: number): Promise<void> {
  const [instance] = s.bench.instances;
  let told: unknown;
  await s.give(1);
  const point = await s.bench.point();
  s.deaths++;
  s.bench.die();
  s.bench.start('thread');
  instance!.mortal.next('holds', async (call, args) => {
    told = await call(args);
    return told;
  });
  await instance!.settled(instance!.restarted);
  await s.bench.durable(point);
  if (told !== wanted)
    s.find('holds-wrong', `holds() gives ${String(told)}, and the newest commit was ${wanted}`);
}
