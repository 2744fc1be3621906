/**
 * `millrace run <job>`: starts the job of a file and stays with it to its end.
 *
 *   loading ──▶ running ──▶ (the job ends by itself)             0, or 70/71 when it fails
 *                  │ first signal
 *                  ▼
 *               draining ──▶ drained                             0
 *                  ├──▶ deadline passed                          75
 *                  └──▶ second signal                            75
 *
 * A signal that comes while the job loads or its threads start is obeyed as soon as they are there; a second one at
 * once.
 */
import type { Plan } from '../plan/planned.ts';
import { startRun } from '../run/run.ts';
import type { Run, RunEvent, StopReport } from '../run/running.ts';
import { EventLog, msText, timeText } from './event-log.ts';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { callJob, type JobFlags } from './job-plan.ts';
import { onParentGone, tellParent } from './parent.ts';
import { StopSwitch } from './signals.ts';
import { JsonVoice, TextVoice, type Voice, type Write } from './voice.ts';

export interface RunFlags extends JobFlags {
  readonly json: boolean;
  /** Longest time that a drain may take, in ms. */
  readonly deadlineMs: number;
  readonly verbose: boolean;
}

export interface CommandOutput {
  readonly out: Write;
  readonly err: Write;
  /** Threads that can't be ended: this process won't end by itself either. */
  readonly stuck: (threads: readonly string[]) => void;
}

/** The command says what it still waits for this often, in ms. */
const REMIND_MS = 2_000;

/** What a thread that won't end may hold up the command for after "stop now", in ms. */
const STOP_NOW_MS = 2_000;

/** Throws what failed the job, after the summary. */
export async function runCommand(
  file: string,
  flags: RunFlags,
  output: CommandOutput,
): Promise<ExitCode> {
  const voice = flags.json
    ? new JsonVoice(output.out, Date.now)
    : new TextVoice(output.out, output.err, flags.verbose);
  const session = new Session(voice, flags, output.stuck);
  try {
    return await session.run(file);
  } finally {
    session.end();
  }
}

function living(running: Run | undefined): readonly string[] {
  const threads = running?.threads().filter(({ state }) => state !== 'down') ?? [];
  return threads.map(({ role, slot }) => `${role} (thread ${slot})`);
}

/** Names of the tasks of each worker. */
function placementOf({ wiring }: Plan): readonly (readonly string[])[] {
  return Array.from({ length: wiring.workers }, (_, worker) =>
    wiring.tasks.filter((task) => task.worker === worker).map(({ name }) => name),
  );
}

class Session {
  readonly #voice: Voice;
  readonly #flags: RunFlags;
  readonly #stuck: CommandOutput['stuck'];
  /** Follows the batches that are under way, for what a drain waits for. */
  readonly #batches: EventLog = new EventLog({ batches: false });
  readonly #switch: StopSwitch;
  readonly #stopNow: Promise<'now'>;
  #run: Run | undefined;
  #asked: string | undefined;
  /** Something that the job printed reached nobody. */
  #undelivered = false;
  /** What a start of the process need not do again, or there is nothing that it could go on from. */
  #progress: RunEvent['type'] = 'batchCompleted';
  #hasProgressed = false;
  #draining: Promise<void> | undefined;
  #report: StopReport | undefined;
  #reminder: NodeJS.Timeout | undefined;

  constructor(voice: Voice, flags: RunFlags, stuck: CommandOutput['stuck']) {
    this.#voice = voice;
    this.#flags = flags;
    this.#stuck = stuck;
    let stopNow!: (word: 'now') => void;
    this.#stopNow = new Promise((resolve) => {
      stopNow = resolve;
    });
    this.#switch = new StopSwitch({
      drain: (why) => {
        this.#asked = why;
        if (this.#run === undefined)
          voice.note(`${why}: stops as soon as the job has started; again to stop now`);
        else this.#drain(this.#run);
      },
      now: (why) => {
        voice.note(`${why} again: stopping now`);
        stopNow('now');
      },
    });
    onParentGone(() => this.#switch.ask('the parent process is gone'));
    // Nobody reads what the job prints any more: `millrace run … | head`.
    process.stdout.on('error', this.#outputClosed);
  }

  async run(file: string): Promise<ExitCode> {
    const startedAt = performance.now();
    const outcome = await Promise.race([this.#work(file), this.#stopNow]);
    const running = this.#run;
    if (outcome === 'now') {
      const stop = running?.stop({ graceful: false });
      this.#report = await Promise.race([
        stop,
        new Promise<undefined>((resolve) =>
          setTimeout(() => resolve(undefined), STOP_NOW_MS).unref(),
        ),
      ]);
    } else if (running !== undefined) this.#report ??= await running.stop({ graceful: false });
    // What has not ended by now is being ended for a second already.
    const stuckThreads = this.#report?.stuckThreads ?? living(running);
    if (stuckThreads.length > 0) this.#stuck(stuckThreads);
    const error = outcome === 'now' ? undefined : outcome.error;
    const drained =
      outcome !== 'now' &&
      error === undefined &&
      !this.#undelivered &&
      (this.#report?.drained ?? true);
    const code = error !== undefined ? exitCodeOf(error) : drained ? EXIT.drained : EXIT.undrained;
    if (running !== undefined) {
      this.#voice.counters(running.metrics());
      this.#voice.summary({
        code,
        drained,
        durationMs: performance.now() - startedAt,
        metrics: running.metrics(),
        stuckThreads,
        ...(this.#report?.left === undefined ? {} : { left: this.#report.left }),
        ...(error === undefined ? {} : { error }),
      });
    }
    if (error !== undefined) throw error;
    return code;
  }

  end(): void {
    clearInterval(this.#reminder);
    this.#switch[Symbol.dispose]();
    process.stdout.off('error', this.#outputClosed);
  }

  async #work(file: string): Promise<{ readonly error?: unknown }> {
    try {
      const { job, options, threads, plan } = await callJob(file, this.#flags);
      if (options['checkpointDir'] !== undefined) this.#progress = 'checkpointCompleted';
      const collected = plan.graph.nodes.filter((node) => node.kind === 'collectAs');
      let followed: Promise<unknown> = Promise.resolve();
      const prepared = (fresh: Run, planned: Plan): void => {
        this.#voice.started({
          job: job.name,
          file,
          threads,
          batchIntervalMs: job.batchIntervalMs,
          placement: placementOf(planned),
        });
        followed = Promise.allSettled([
          this.#follow(fresh),
          ...collected.map((node) => this.#consume(fresh, String(node.params['name']))),
        ]);
      };
      const write = (text: string): void => this.#voice.printed(text);
      const running = await startRun(job, { ...options, write } as never, { prepared });
      this.#run = running;
      if (this.#asked !== undefined) this.#drain(running);
      try {
        await running.awaitTermination();
      } finally {
        await followed;
      }
      await this.#draining;
      return {};
    } catch (error) {
      return { error };
    }
  }

  async #follow(running: Run): Promise<void> {
    for await (const event of running.events()) {
      this.#batches.lines(event);
      this.#voice.event(event);
      if (event.type === 'batchCompleted') this.#voice.counters(running.metrics());
      if (event.type === this.#progress && !this.#hasProgressed) {
        this.#hasProgressed = true;
        void tellParent({ type: 'progress' });
      }
    }
  }

  /** Results that nobody takes would pile up. */
  async #consume(running: Run, name: string): Promise<void> {
    for await (const batch of running.results(name)) this.#voice.collected(name, batch);
  }

  #drain(running: Run): void {
    const { deadlineMs } = this.#flags;
    const until = performance.now() + deadlineMs;
    this.#voice.note(
      `${this.#asked}: draining: nothing more is taken in; waiting for ${this.#waitsFor()}, at most ` +
        `${msText(deadlineMs)}. Ctrl-C again stops now`,
    );
    this.#reminder = setInterval(() => {
      this.#voice.note(
        `still draining: waiting for ${this.#waitsFor()}, ${msText(Math.max(0, until - performance.now()))} left`,
      );
    }, REMIND_MS);
    this.#draining = running.stop({ graceful: true, deadline: deadlineMs }).then((report) => {
      clearInterval(this.#reminder);
      this.#report = report;
      if (!report.drained && running.state !== 'failed') {
        this.#voice.note(`not drained within ${msText(deadlineMs)}: gave up ${this.#waitsFor()}`);
      }
    });
  }

  #waitsFor(): string {
    const open = this.#batches.openBatches;
    const last = 'the last batch';
    if (open.length === 0) return `${last} to pass all outputs`;
    const times = open.slice(0, 3).map(timeText).join(', ');
    return `batch${open.length === 1 ? '' : 'es'} ${times}${open.length > 3 ? ` and ${open.length - 3} more` : ''} and ${last}`;
  }

  readonly #outputClosed = (): void => {
    process.stdout.off('error', this.#outputClosed);
    this.#undelivered = true;
    this.#switch.ask('standard output was closed');
  };
}
