/**
 * The lives of the simulated process. A job without a checkpoint directory has one. With one, a life begins as a process
 * does, on what the disk has, and ends when a fault says so.
 *
 *   down ──(time passes)──▶ starting ──(the directory is open)──▶ alive
 *    ▲                          │                                    │
 *    └──────────────────────────┴──────────── dies ──────────────────┘
 */
import { posix } from 'node:path';
import type { MemoryDisk } from '../../env/memory-disk.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { manifestId, manifestName } from '../../supervision/checkpoint/manifest-file.ts';
import { DiskWeather } from './disk-weather.ts';
import { Life, type LifeOptions } from './life.ts';
import { planFor } from './sim-plans.ts';
import { SimThread } from './sim-thread.ts';
import { startOn, type Started } from './start.ts';
import type { ProcessDeath } from './striker.ts';
import { DIRECTORY, type World } from './world.ts';

/** Streams of chance, as in `world.ts`. */
const WEATHER = 10;
const CRASH = 11;
/** Virtual ms after which whoever started it tries again, when a start failed. */
const TRY_AGAIN_MS = 50;

export class Lives {
  /** Undefined: the process is down, or starts. */
  life: Life | undefined;
  /** Deaths of the process. */
  deaths = 0;
  readonly #world: World;
  readonly #options: Pick<LifeOptions, 'threadMayRun' | 'hear'>;
  readonly #crash: Pcg32;
  #starting: SimThread | undefined;
  #started: Started | undefined;
  #starts = 0;

  constructor(world: World, options: Pick<LifeOptions, 'threadMayRun' | 'hear'>) {
    this.#world = world;
    this.#options = options;
    const { seed, checkpoint } = world.scenario;
    this.#crash = new Pcg32(seed, CRASH);
    if (checkpoint === undefined) {
      const { plan } = planFor(world.scenario, world.user());
      this.#live({ plan, spec: undefined });
    } else
      world.weather = new DiskWeather({
        disk: world.env.disk,
        clock: world.env.clock,
        chance: new Pcg32(seed, WEATHER),
        stir: () => {
          world.scene.stirred = true;
        },
        die: (death, why) => this.die(death, why),
      });
  }

  /** The first life. */
  begin(): void {
    if (this.life === undefined) this.#start([]);
    else this.life.supervisor.start();
  }

  /** Between turns: a process whose directory is open goes on. */
  look(): void {
    if (this.#started === undefined) return;
    this.#starting = undefined;
    this.#live(this.#started);
    this.#started = undefined;
    this.life!.supervisor.start();
  }

  die(death: ProcessDeath, why: string): void {
    const world = this.#world;
    const { life } = this;
    const starting = this.#starting;
    if (life === undefined && starting === undefined) return;
    world.note(`death of the process: ${why}`);
    this.deaths++;
    life?.edges.look();
    life?.end('its process dies');
    starting?.end('its process dies');
    world.env.closeChannels();
    world.wrong.push(...tooEarly(world.env.disk));
    this.life = undefined;
    this.#starting = undefined;
    this.#started = undefined;
    if (death.power) {
      world.note('the power is gone');
      world.env.disk.crash(this.#crash);
    }
    if (death.damage === true)
      damageNewest(world.env.disk, this.#crash, (text) => world.note(text));
    world.feeds.forEach((feed, source) =>
      feed.processDied?.(world.history.edgesOf(source), death.power),
    );
    world.env.clock.after(death.downMs, () => this.#start(death.again, death));
  }

  #start([operation, ...again]: readonly number[], death?: ProcessDeath): void {
    const world = this.#world;
    const { env, scenario, scene, weather, hooks } = world;
    if (operation !== undefined) weather!.dieAt(operation, { ...death!, again });
    const main = new SimThread({
      env,
      role: 'main',
      number: ++this.#starts,
      scene,
      note: (text) => world.note(text),
      mayRun: () => true,
      hooks: world.threadHooks,
      onDeath: (_thread, why) => world.wrong.push(`the process can't start: it ${why}`),
    });
    this.#starting = main;
    world.note('start of the process');
    // It may end before it has waited for anything.
    scene.stirred = true;
    const workers = scenario.checkpoint!.workersAgain?.[this.#starts - 2] ?? scenario.workers;
    const disk = hooks.disk?.(main.env.disk) ?? main.env.disk;
    const opened = main.run(() =>
      startOn(DIRECTORY, disk, env.clock.now(), { ...scenario, workers }, world.user()),
    );
    opened?.then(
      (started) => {
        if (this.#starting === main) this.#started = started;
      },
      (error: unknown) => this.#failed(main, error),
    );
  }

  /** The disk refused: whoever started the process does it again. Anything else is wrong. */
  #failed(main: SimThread, error: unknown): void {
    if (this.#starting !== main) return;
    const world = this.#world;
    const { code } = error as { code?: string };
    if (code !== 'ENOSPC' && code !== 'EIO') {
      world.wrong.push(`the process can't start: ${String((error as Error).stack)}`);
      return;
    }
    main.end('the disk refuses');
    world.note(`start failed: ${code}`);
    this.#starting = undefined;
    world.env.clock.after(TRY_AGAIN_MS, () => this.#start([]));
  }

  #live({ plan, spec }: { plan: Started['plan']; spec: Started['spec'] | undefined }): void {
    const world = this.#world;
    const begun = spec === undefined ? undefined : (world.hooks.start?.(spec) ?? spec);
    const life = new Life({ world, plan, spec: begun, ...this.#options });
    world.wrong.push(...world.history.begin(plan, life.observers, life.start));
    world.ledger.begin(life.start);
    this.life = life;
  }
}

/** What is wrong where the world outside may look: a file of a sink has its name, and its checkpoint is not there. */
function tooEarly(disk: MemoryDisk): string[] {
  const newest = Math.max(0, ...checkpointsOn(disk));
  return disk.paths().flatMap((path) => {
    const number = /^\/out\/part-\d+-(\d+)$/.exec(path)?.[1];
    return number === undefined || Number(number) <= newest
      ? []
      : [`E5: ${path} has its name, and the newest checkpoint is ${newest}`];
  });
}

/** One bit of the newest checkpoint is another one, if there is one before it. */
function damageNewest(disk: MemoryDisk, chance: Pcg32, note: (text: string) => void): void {
  const ids = checkpointsOn(disk);
  if (ids.length < 2) return;
  const path = `${DIRECTORY}/${manifestName(Math.max(...ids))}`;
  const bytes = disk.read(path);
  bytes[chance.below(bytes.length)]! ^= 1 << chance.below(8);
  disk.write(path, bytes);
  note(`${path} is damaged`);
}

function checkpointsOn(disk: MemoryDisk): number[] {
  return disk.paths().flatMap((path) => {
    if (posix.dirname(path) !== DIRECTORY) return [];
    return manifestId(posix.basename(path)) ?? [];
  });
}
