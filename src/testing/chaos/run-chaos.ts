/**
 * `runChaos`: a job in a process of its own, faults done to it by a script, and the script's claims judged.
 *
 *   this process: servers, script, clock of the faults, ledger        the job's process: the run, kills of its threads
 *        │  orders over the channel, signals                                │
 *        └──────────────────────────────────────▶ ◀── events, batches, memory ──┘
 *
 * I1  Whatever becomes of the job, `runChaos` ends: by its time, its drain's deadline and a grace.
 * I2  When it has ended there is no process, no server and no file left of it.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from '../../dstream/job.ts';
import { assertLoadable, resolveJob } from '../../dstream/resolve-job.ts';
import type { Timer } from '../../env/env.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { realEnv } from '../../env/real.ts';
import { millraceError, type WireError } from '../../errors.ts';
import type { RunMetrics, StopReport } from '../../run/running.ts';
import { judge } from './claims.ts';
import { faultyDisk, orderDisk } from './disk-faults.ts';
import { FileOutput } from './file-output.ts';
import { JobClient } from './job-client.ts';
import type { FromJob } from './job-protocol.ts';
import type { NumberedServer } from './numbered-server.ts';
import {
  faultText,
  timelineOf,
  type DoneFault,
  type Observed,
  type Sample,
  type SeenEvent,
} from './observed.ts';
import { Output } from './output.ts';
import { reportOf, type ChaosReport } from './report.ts';
import {
  hasFault,
  isChaosScript,
  scenarioOf,
  type ChaosScript,
  type Fault,
  type Occasion,
  type Repeated,
  type Scenario,
} from './script.ts';

export interface ChaosOptions {
  /** What chance comes from. @default 1 */
  readonly seed?: number;
  /** What `--args` gave, below the script's own. */
  readonly args?: object;
  /** In place of the script's and the default. @default 2 */
  readonly threads?: number;
  /** Ends the run early: no more faults, the job is drained, what was seen is judged. That it was cut short fails it. */
  readonly signal?: AbortSignal;
  /** Called with a line of text on what happens, when it happens. */
  readonly progress?: (line: string) => void;
}

const DEFAULT_THREADS = 2;
/** What was served must come out by so long after it; a recovery starts it anew. */
const CATCH_UP_MS = 15_000;
/** Faults that are to come so often take longer where threads start slowly. */
const UNFINISHED_MS = 35_000;
/** A thread is given up, the process ends, files are removed: what that may take behind a deadline. */
const END_GRACE_MS = 15_000;
const LOOK_MS = 20;

/**
 * Runs a job in a process of its own, does to it what the script says, and judges the script's claims.
 *
 * @param job what `job()` gave, or the path or URL of a file that defines one. It gets the ports of the script's servers
 *   and `faults` (see `faultPoint`) among its `args`; what it collects with `collectAs` is compared with what was served
 * @throws coded errors of the job's file and of the script; a claim that fails is no error: see `report.ok`
 * @example
 * const report = await runChaos(counts, chaos((c) => {
 *   c.serve('port', { rate: 20_000 });
 *   c.at('1s').kill('worker');
 *   c.claim.ledgerExact();
 * }));
 * expect(report.failed).toEqual([]);
 */
export async function runChaos(
  job: Job<never> | string | URL,
  script: ChaosScript,
  options: ChaosOptions = {},
): Promise<ChaosReport> {
  if (!isChaosScript(script)) {
    throw millraceError(
      'ERR_MILLRACE_NO_SCRIPT',
      'runChaos: its second argument is not what chaos() gives',
    );
  }
  const { job: resolved } = await resolveJob(job, { takeOver: true });
  assertLoadable(resolved);
  const scenario = scenarioOf(script, options.seed ?? 1);
  const running = new ChaosRun(resolved, scenario, options);
  const observed = await running.run();
  const timeline = timelineOf(observed);
  return reportOf(resolved.name, scenario, observed, timeline, judge(scenario, observed, timeline));
}

class ChaosRun {
  readonly #job: Job<never>;
  readonly #scenario: Scenario;
  readonly #options: ChaosOptions;
  readonly #clock = realEnv().clock;
  readonly #chance: Pcg32;
  readonly #room = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  readonly #isDurable: boolean;
  #client: JobClient;
  /** Killed for another one to go on. */
  readonly #replaced = new Set<JobClient>();
  /** Settles when there is a process again. */
  #between: Promise<void> = Promise.resolve();
  #left = false;
  /** What each process of the job is told first. */
  #work: Parameters<JobClient['post']>[0] | undefined;
  readonly #timers = new Set<Timer>();
  readonly #events: SeenEvent[] = [];
  readonly #faults: DoneFault[] = [];
  readonly #outputs = new Map<string, Output>();
  readonly #files: readonly FileOutput[];
  readonly #samples: Sample[] = [];
  readonly #behind: (readonly number[])[] = [];
  /** Occasions that came. */
  readonly #came = new Set<Occasion>();
  readonly #nth = new Map<string, number>();
  readonly #up: Promise<void>;
  #isUp: (() => void) | undefined;
  #startedMs = 0;
  #ended: Extract<FromJob, { type: 'ended' }> | undefined;
  #exited = false;
  /** No more faults: what is left is judged in peace. */
  #quiet = false;
  #gaveUp: string | undefined;
  /** Repeated faults with a number of times that have not come so often yet. */
  #unfinished = 0;
  /** Those that never did. */
  readonly #short: string[] = [];

  constructor(job: Job<never>, scenario: Scenario, options: ChaosOptions) {
    this.#job = job;
    this.#scenario = scenario;
    this.#options = options;
    this.#chance = new Pcg32(scenario.seed, 1);
    this.#up = new Promise((resolve) => (this.#isUp = resolve));
    this.#isDurable = hasFault(scenario, 'processKill') || hasFault(scenario, 'disk');
    if (this.#isDurable) mkdirSync(this.#checkpoints);
    this.#files = scenario.files.map(
      (name) =>
        new FileOutput(name, join(this.#room, `out-${name}`), [...scenario.servers.values()]),
    );
    this.#client = this.#newClient();
  }

  get #checkpoints(): string {
    return join(this.#room, 'checkpoints');
  }

  #newClient(): JobClient {
    const client = new JobClient(
      this.#room,
      (message) => this.#hear(message),
      hasFault(this.#scenario, 'disk') ? faultyDisk(this.#checkpoints) : {},
    );
    void client.exited.then(() => {
      if (!this.#replaced.has(client)) this.#exited = true;
    });
    return client;
  }

  async run(): Promise<Observed> {
    const { servers } = this.#scenario;
    // Whoever ends this process ends the job's, and leaves no file (I2).
    const leave = (): void => this.#leave();
    process.once('exit', leave);
    try {
      await this.#start();
      await Promise.race([this.#up, this.#client.exited]);
      this.#plan();
      const { forMs, seed } = this.#scenario;
      if (!this.#isOver())
        this.#tell(`${this.#job.name} is up and runs for ${forMs / 1000} s, seed ${seed}`);
      const over = (): boolean => this.#isOver() || this.#options.signal?.aborted === true;
      await this.#until(forMs, over);
      await this.#until(forMs + UNFINISHED_MS, () => over() || this.#unfinished === 0);
      const quietMs = this.#now();
      if (!this.#isOver()) this.#tell('no more faults; what was served is to come out');
      const served = await this.#hold();
      await this.#end();
      const { code, signal, stderr } = await this.#client.exited;
      const durationMs = this.#now();
      for (const each of this.#files) each.look();
      return {
        events: this.#events,
        faults: this.#faults,
        outputs:
          this.#files.length > 0
            ? new Map(this.#files.map(({ output }) => [output.name, output]))
            : this.#outputs,
        samples: this.#samples,
        behind: this.#behind,
        missed: this.#missed(),
        served,
        metrics: this.#ended?.metrics as RunMetrics | undefined,
        report: this.#ended?.report as StopReport | undefined,
        error: this.#ended?.error as WireError | undefined,
        code: this.#ended?.code ?? code ?? undefined,
        signal,
        stderr,
        durationMs,
        quietMs,
        leftFiles: readdirSync(this.#room).filter((name) => name.startsWith('millrace-')),
        gaveUp: this.#gaveUp,
        interrupted: this.#options.signal?.aborted === true,
      };
    } finally {
      for (const timer of this.#timers) timer.cancel();
      for (const server of servers.values()) server.stop();
      this.#client.signal('SIGKILL');
      await this.#client.exited;
      this.#leave();
      process.removeListener('exit', leave);
    }
  }

  #leave(): void {
    this.#left = true;
    this.#client.signal('SIGKILL');
    rmSync(this.#room, { recursive: true, force: true });
  }

  #tell(what: string): void {
    this.#options.progress?.(`${(this.#now() / 1000).toFixed(2).padStart(7)} s  ${what}`);
  }

  async #start(): Promise<void> {
    const { servers, options, deadlineMs } = this.#scenario;
    const args: Record<string, unknown> = {
      ...this.#options.args,
      ...(options['args'] as object | undefined),
    };
    for (const [name, server] of servers) args[name] = await server.listen();
    const threads = this.#options.threads ?? options['threads'] ?? DEFAULT_THREADS;
    for (const { output, directory } of this.#files) args[output.name] = directory;
    const { url, name } = this.#job;
    const durable = this.#isDurable ? { checkpointDir: this.#checkpoints } : {};
    this.#work = {
      type: 'run',
      url,
      name,
      options: { ...durable, ...options, threads, args },
      drainMs: deadlineMs,
    };
    this.#client.post(this.#work);
  }

  /** The process is killed, and another one goes on. */
  async #startAgain(ms: number): Promise<void> {
    const client = this.#client;
    this.#replaced.add(client);
    client.signal('SIGKILL');
    await client.exited;
    if (ms > 0) await new Promise<void>((resolve) => this.#clock.after(ms, resolve));
    if (this.#left) return;
    this.#client = this.#newClient();
    this.#client.post(this.#work!);
  }

  #now(): number {
    return this.#clock.monotonic() - this.#startedMs;
  }

  #isOver(): boolean {
    return this.#exited || this.#ended !== undefined;
  }

  // ---- occasions

  #plan(): void {
    if (this.#startedMs === 0) this.#startedMs = this.#clock.monotonic();
    for (const occasion of this.#scenario.occasions) {
      const { trigger } = occasion;
      if (trigger.on === 'time') this.#at(trigger.ms, () => this.#come(occasion));
    }
    for (const repeated of this.#scenario.repeated) void this.#repeat(repeated);
  }

  /**
   * Each a period after the one before; where the job takes longer to recover than that, half a period after it has:
   * what never comes to work shows nothing.
   */
  async #repeat({ periodMs, seed, times, untilMs, choices }: Repeated): Promise<void> {
    const chance = new Pcg32(seed);
    const counted = times < Infinity && untilMs === Infinity;
    const over = (): boolean => this.#quiet || this.#isOver();
    if (counted) this.#unfinished++;
    let n = 1;
    for (let dueMs = periodMs; n <= times && dueMs <= untilMs && !over(); n++) {
      await this.#until(dueMs, over);
      const from = this.#faults.length;
      this.#do(choices[chance.below(choices.length)]!);
      const done = this.#faults.slice(from);
      await this.#until(Infinity, () => over() || done.every((fault) => this.#isBehind(fault)));
      dueMs = Math.max(dueMs + periodMs, this.#now() + periodMs / 2);
    }
    if (!counted) return;
    this.#unfinished--;
    if (n <= times) this.#short.push(`${n - 1} of ${times} times of every(${periodMs} ms)`);
  }

  /** It was done, and a worker that it ended has its successor at work. */
  #isBehind({ fault, doneMs }: DoneFault): boolean {
    if (doneMs === undefined) return false;
    if (fault.kind !== 'processKill' && (fault.kind !== 'thread' || fault.victim !== 'worker'))
      return true;
    return this.#events.some(({ atMs, event }) => atMs >= doneMs && event.type === 'started');
  }

  #at(ms: number, act: () => void): void {
    const timer = this.#clock.after(Math.max(0, ms - this.#now()), () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
  }

  #come(occasion: Occasion): void {
    if (this.#quiet || this.#isOver()) return;
    this.#came.add(occasion);
    this.#do(occasion.faults);
  }

  /** What the script wanted and nobody has seen. */
  #missed(): string[] {
    return [
      ...this.#scenario.occasions.filter((each) => !this.#came.has(each)).map(occasionText),
      ...this.#short,
    ];
  }

  #do(faults: readonly Fault[]): void {
    if (this.#quiet || this.#isOver()) return;
    for (const fault of faults) this.#doOne(fault);
  }

  #doOne(fault: Fault): void {
    const id = this.#faults.length;
    const done: DoneFault = { fault, orderedMs: this.#now(), doneMs: undefined, detail: '' };
    this.#faults.push(done);
    const here = (detail: string): void => {
      done.doneMs = this.#now();
      done.detail = detail;
      this.#tell(`${faultText(fault)}: ${detail}`);
    };
    switch (fault.kind) {
      case 'thread':
        this.#client.post({
          type: 'thread',
          id,
          victim: fault.victim,
          way: fault.way,
          pick: this.#chance.float(),
          ...(fault.exitCode === undefined ? {} : { exitCode: fault.exitCode }),
        });
        return;
      case 'point': {
        const { kind: _, ...order } = fault;
        this.#client.post({ type: 'point', id, order });
        return;
      }
      case 'block':
        this.#client.post({ type: 'block', id, ms: fault.ms });
        return;
      case 'freeze':
        here(`process ${this.#client.pid}`);
        this.#client.signal('SIGSTOP');
        this.#at(this.#now() + fault.ms, () => this.#client.signal('SIGCONT'));
        return;
      case 'kill9':
        here(`process ${this.#client.pid}`);
        this.#client.signal('SIGKILL');
        return;
      case 'processKill':
        here(`process ${this.#client.pid}`);
        this.#between = this.#between.then(() => this.#startAgain(fault.ms));
        return;
      case 'disk':
        here(this.#checkpoints);
        orderDisk(this.#checkpoints, fault.how);
        this.#at(this.#now() + fault.ms, () => orderDisk(this.#checkpoints, undefined));
        return;
      case 'signal':
        here(`process ${this.#client.pid}`);
        this.#client.signal(fault.signal);
        return;
      case 'disconnect': {
        const { servers } = this.#scenario;
        const hit =
          fault.server === undefined
            ? [...servers]
            : [...servers].filter(([, server]) => server === fault.server);
        here(hit.map(([name]) => name).join(' '));
        for (const [, server] of hit) server.disconnect(fault.ms);
        return;
      }
      default:
        fault satisfies never;
    }
  }

  // ---- from the job

  #hear(message: FromJob): void {
    switch (message.type) {
      case 'up':
        // Of the first process; times count from there.
        if (this.#isUp === undefined) return;
        this.#startedMs = message.at;
        for (const seen of this.#events as { atMs: number }[]) seen.atMs -= message.at;
        this.#isUp();
        this.#isUp = undefined;
        return;
      case 'event': {
        const { event } = message;
        this.#events.push({ atMs: message.at - this.#startedMs, event });
        const nth = (this.#nth.get(event.type) ?? 0) + 1;
        this.#nth.set(event.type, nth);
        for (const occasion of this.#scenario.occasions) {
          const { trigger } = occasion;
          if (trigger.on === 'event' && trigger.type === event.type && trigger.nth === nth)
            this.#come(occasion);
        }
        return;
      }
      case 'batch': {
        let output = this.#outputs.get(message.name);
        if (output === undefined)
          this.#outputs.set(
            message.name,
            (output = new Output(message.name, [...this.#scenario.servers.values()])),
          );
        output.add(message.values);
        return;
      }
      case 'sample': {
        const { at, bytes, threads } = message;
        this.#samples.push({ atMs: at - this.#startedMs, bytes, threads });
        const servers = [...this.#scenario.servers.values()];
        // What they give behind the end of the faults is no matter of the job's.
        if (!this.#quiet) this.#behind.push(servers.map(({ behindMs }) => behindMs));
        return;
      }
      case 'done': {
        const done = this.#faults[message.id]!;
        done.doneMs = message.at - this.#startedMs;
        done.detail = message.detail;
        this.#tell(`${faultText(done.fault)}: ${message.detail}`);
        return;
      }
      case 'ended':
        this.#ended = message;
        return;
      default:
        message satisfies never;
    }
  }

  // ---- the end

  /** The servers give no more than they have begun, and all of it comes out: or there is no more hope for it. */
  async #hold(): Promise<ReadonlyMap<NumberedServer, number>> {
    this.#quiet = true;
    const servers = [...this.#scenario.servers.values()];
    // Whoever was stopped, and whoever will draw its own conclusions, gives what was given by now.
    if (this.#isOver()) return new Map(servers.map((server) => [server, server.served]));
    const served = new Map(servers.map((server) => [server, server.hold()]));
    const sum = [...served.values()].reduce((a, b) => a + b, 0);
    // Those that were passed over don't come.
    const due = (): number => sum - (this.#nth.get('deadLetter') ?? 0);
    const behind = (): boolean => {
      for (const each of this.#files) each.look();
      const outputs =
        this.#files.length > 0
          ? this.#files.map(({ output }) => output)
          : [...this.#outputs.values()];
      return outputs.some(({ total }) => total < due()) || (outputs.length === 0 && sum > 0);
    };
    const until = this.#now() + CATCH_UP_MS;
    await this.#until(until, () => this.#isOver() || (!behind() && this.#allDone()));
    return served;
  }

  #allDone(): boolean {
    return this.#faults.every(({ doneMs }) => doneMs !== undefined);
  }

  async #end(): Promise<void> {
    const { deadlineMs } = this.#scenario;
    await this.#between;
    if (!this.#isOver()) this.#client.post({ type: 'drain', deadlineMs });
    await this.#until(this.#now() + deadlineMs + END_GRACE_MS, () => this.#exited);
    if (this.#exited) return;
    this.#gaveUp = `its process had not ended ${Math.round((deadlineMs + END_GRACE_MS) / 1000)} s after it was to drain, and was killed`;
    this.#client.signal('SIGKILL');
  }

  async #until(ms: number, condition: () => boolean): Promise<void> {
    while (this.#now() < ms && !condition()) {
      await new Promise<void>((resolve) => this.#clock.after(LOOK_MS, resolve));
    }
  }
}

function occasionText({ trigger }: Occasion): string {
  if (trigger.on === 'time') return `at ${trigger.ms} ms`;
  const { type, nth } = trigger;
  return type === 'batchSubmitted' ? `batch ${nth}` : `${type} ${nth}`;
}
