/**
 * Everything that a seed decides before the run: the job, how it is spread, how small its edges are, how time passes,
 * and what goes wrong.
 */
import { Pcg32 } from '../../env/pcg32.ts';
import { planFaults, planProcessFaults, type Fault, type SimRole } from './faults.ts';
import { SIM_JOBS } from './jobs.ts';
import type { SimJob } from './sim-job.ts';
import { STATEFUL_JOBS } from './stateful-jobs.ts';
import { TOPOLOGY_JOBS } from './topology-jobs.ts';

export interface Scenario {
  readonly seed: number;
  readonly job: SimJob;
  readonly workers: number;
  readonly spares: number;
  readonly partitions: number;
  readonly sourcePartitions: number;
  readonly mode: 'clock' | 'step';
  readonly kernels: boolean;
  readonly form: 'compiled' | 'closures';
  readonly batchIntervalMs: number;
  readonly reliefIntervalMs: number;
  /** Lines of a text source, batches of a list. */
  readonly lines: number;
  readonly batches: number;
  /** Text comes in blocks as large as an edge takes, which travel in fragments. */
  readonly largeBlocks: boolean;
  readonly ringBytes: number;
  readonly receiverBytes: number;
  /** Whose messages wait long: of eight turns that could deliver one, seven don't. */
  readonly deaf: SimRole | 'main' | undefined;
  /** Workers sleep when they have nothing to do, until somebody rings. */
  readonly sleeping: boolean;
  /** Of 1000 turns so many let time pass although somebody could work. */
  readonly timerTurns: number;
  readonly deliveryTurns: number;
  readonly pumpTurns: number;
  /** Drained at this turn, whatever the sources still have. */
  readonly drainAt: number | undefined;
  /** Records that no user function gets over: their batches are given up. */
  readonly poison: readonly number[];
  readonly faults: readonly Fault[];
  /** The job has a checkpoint directory, and its process may die. */
  readonly checkpoint?: {
    readonly intervalMs: number;
    /** Workers of its next lives. @default as of the first */
    readonly workersAgain?: readonly number[];
    /** Text can't be asked for again. */
    readonly isPlain?: boolean;
  };
}

/** Streams of chance that don't disturb each other. */
const PLAN = 2;
const FAULTS = 3;
const KIND = 7;
/** One seed of so many is a topology. */
const TOPOLOGIES = 4;
/** And one of so many of the rest keeps state. */
const STATEFUL = 8;
const STATE = 8;
/** One seed of so many has a checkpoint directory. */
const DURABLE = 3;
const DURABILITY = 9;
const DURABLE_JOBS: readonly SimJob[] = [
  ...STATEFUL_JOBS,
  ...TOPOLOGY_JOBS.filter(({ outputs }) =>
    Object.values(outputs).some(({ files }) => files !== undefined),
  ),
];

/** @param of a job to run, in place of one that the seed chooses */
export function scenarioOf(seed: number, of?: SimJob): Scenario {
  const chance = new Pcg32(seed, PLAN);
  const one = <T>(...of: readonly T[]): T => of[chance.below(of.length)]!;
  const stream = one(...SIM_JOBS);
  const kind = new Pcg32(seed, KIND);
  const drawn =
    kind.below(TOPOLOGIES) > 0 ? stream : TOPOLOGY_JOBS[kind.below(TOPOLOGY_JOBS.length)]!;
  const state = new Pcg32(seed, STATE);
  const isStateful = drawn === stream && state.below(STATEFUL) === 0;
  const job = of ?? (isStateful ? STATEFUL_JOBS[state.below(STATEFUL_JOBS.length)]! : drawn);
  const pulls = job.sources.every((kind) => kind === 'rows');
  const batchIntervalMs = one(20, 50, 100, 500);
  const largeBlocks = chance.below(3) === 0;
  const batches = 6 + chance.below(12);
  const scenario: Scenario = {
    seed,
    job,
    batchIntervalMs,
    batches,
    largeBlocks,
    workers: one(1, 2, 2, 3),
    spares: one(0, 1, 1, 2),
    partitions: one(1, 2, 2, 3),
    sourcePartitions: one(1, 2, 2, 3),
    mode: pulls && chance.below(3) === 0 ? 'step' : 'clock',
    kernels: chance.below(2) === 0,
    form: chance.below(6) === 0 ? 'compiled' : 'closures',
    reliefIntervalMs: one(5, 15, 40) * Math.ceil(batchIntervalMs / 50),
    lines: largeBlocks ? 800 + chance.below(1600) : 60 + chance.below(200),
    ringBytes: one(128, 128, 256, 1024),
    receiverBytes: one(4096, 4096, 8192),
    deaf: one(undefined, undefined, 'coordinator', 'coordinator', 'worker', 'main'),
    sleeping: chance.below(2) === 0,
    timerTurns: one(2, 10, 40),
    deliveryTurns: one(80, 250, 400),
    pumpTurns: one(5, 40),
    drainAt: chance.below(4) === 0 ? 200 + chance.below(2500) : undefined,
    // Of a topology no batch can be given up.
    poison: chance.below(8) === 0 && job.topology === undefined ? [chance.below(60)] : [],
    faults: planFaults(
      new Pcg32(seed, FAULTS),
      one(4, 10, 25),
      one(600, 2500),
      largeBlocks ? 'sources' : one('sources', 'worker', undefined),
    ),
  };
  const durability = new Pcg32(seed, DURABILITY);
  return of === undefined && durability.below(DURABLE) === 0
    ? durable(scenario, durability)
    : scenario;
}

/** The same with a checkpoint directory, and deaths of the process. */
export function durable(scenario: Scenario, chance: Pcg32): Scenario {
  const { batchIntervalMs, faults, poison, lines } = scenario;
  const turns = Math.max(600, faults.at(-1)?.turn ?? 0);
  // More often than elsewhere one that has much to lose.
  const drawn = chance.below(3) > 0 ? undefined : DURABLE_JOBS[chance.below(DURABLE_JOBS.length)];
  const job = drawn ?? scenario.job;
  const isPlain = chance.below(2) === 0;
  return {
    ...scenario,
    job,
    mode: 'clock',
    poison: job.topology === undefined ? poison : [],
    // What a log has between two barriers must fit onto the smallest edge again.
    largeBlocks: scenario.largeBlocks && !isPlain,
    lines: isPlain ? 60 + (lines % 200) : lines,
    checkpoint: {
      intervalMs: batchIntervalMs * (1 + chance.below(4)),
      isPlain,
      workersAgain: chance.below(3) > 0 ? [] : [1 + chance.below(3), 1 + chance.below(3)],
    },
    faults: [...faults, ...planProcessFaults(chance, turns, batchIntervalMs)].sort(
      (a, b) => a.turn - b.turn,
    ),
  };
}

/** As it is kept in a file: whatever becomes of how seeds are read, the run is the same. */
export type KeptScenario = Omit<Scenario, 'job' | 'drainAt' | 'deaf'> & {
  readonly job: string;
  readonly drainAt?: number;
  readonly deaf?: SimRole | 'main';
};

export function keptScenario({ job, drainAt, deaf, ...rest }: Scenario): KeptScenario {
  return {
    job: job.name,
    ...(drainAt === undefined ? {} : { drainAt }),
    ...(deaf === undefined ? {} : { deaf }),
    ...rest,
  };
}

export function scenarioFrom({ job: name, drainAt, deaf, ...rest }: KeptScenario): Scenario {
  const job = [...SIM_JOBS, ...STATEFUL_JOBS, ...TOPOLOGY_JOBS].find((each) => each.name === name);
  if (job === undefined) throw new RangeError(`no simulated job is called '${name}'`);
  return { job, drainAt, deaf, ...rest };
}
