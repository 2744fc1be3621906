import assert from 'node:assert/strict';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { Pcg32 } from '../../src/env/pcg32.ts';
import type { SourceLog } from '../../src/log/log-record.ts';
import { cut, open, settled, shown, text, type OpenedLog } from './log-disk.ts';

export type Act =
  | { readonly act: 'block'; readonly bytes: number }
  | { readonly act: 'cut' | 'sync' | 'trim' | 'time' | 'thread' | 'kill' | 'power' }
  | { readonly act: 'fault'; readonly after: number; readonly times: number };

/** A log, what must be in it, and a disk that fails and loses power. */
export class PowerTrial {
  readonly #disk = new MemoryDisk({ mayCrash: true });
  readonly #chance: Pcg32;
  /** By ordinal - 1: what was appended. */
  #model: string[] = [];
  #acknowledged = 0;
  #trimmedTo = 0;
  #barrier = 0;
  #durableCut = 0;
  #opened: OpenedLog;
  #faultAfter = Infinity;
  #faults = 0;

  constructor(seed: number) {
    this.#chance = new Pcg32(seed);
    this.#disk.chance = this.#chance;
    this.#disk.makeDirectory('/c');
    this.#opened = this.#open();
    this.#disk.fault = () => {
      if (this.#faultAfter-- > 0 || this.#faults <= 0) return undefined;
      this.#faults--;
      return Object.assign(new Error('EIO'), { code: 'EIO', written: this.#chance.below(30) });
    };
  }

  async run(script: readonly Act[]): Promise<'whole'> {
    await this.#disk.sync('/');
    for (const each of script) {
      await this.#act(each);
      await settled();
    }
    this.#faults = 0;
    this.#reopen();
    this.#check(this.#model.length);
    // It still takes records, and syncs them.
    const { log, clock } = this.#opened;
    this.#append('the end', () => log.append(text('the end')));
    let isDone = false;
    void log.synced(log.last).then(() => (isDone = true));
    for (let turn = 0; turn < 5; turn++) {
      await settled();
      clock.advance(3000);
    }
    assert.ok(isDone);
    return 'whole';
  }

  async #act(each: Act): Promise<void> {
    const { log, clock } = this.#opened;
    switch (each.act) {
      case 'block': {
        const line = `${this.#model.length}:`.padEnd(each.bytes, 'x');
        this.#append(line, () => log.append(text(line)));
        break;
      }
      case 'cut': {
        const number = this.#barrier + 1;
        if (this.#append(`#${number}`, () => log.append(cut(number)))) this.#barrier = number;
        break;
      }
      case 'sync': {
        const ordinal = log.last;
        const opened = this.#opened;
        const newest = this.#barrier;
        void log.synced(ordinal).then(() => {
          // What a dead opening hears nobody acts on.
          if (this.#opened !== opened) return;
          this.#acknowledged = Math.max(this.#acknowledged, ordinal);
          this.#durableCut = Math.max(this.#durableCut, newest);
        });
        break;
      }
      case 'trim': {
        const at = log.cut(this.#durableCut)?.ordinal ?? 0;
        log.trim(this.#durableCut);
        this.#trimmedTo = Math.max(this.#trimmedTo, at - 1);
        break;
      }
      case 'time':
        clock.advance(150);
        break;
      case 'thread':
      case 'kill':
        this.#faults = 0;
        this.#reopen();
        this.#check(this.#model.length);
        break;
      case 'power':
        this.#faults = 0;
        this.#disk.crash(this.#chance);
        this.#reopen();
        this.#check(this.#acknowledged);
        break;
      case 'fault':
        this.#faultAfter = each.after;
        this.#faults = each.times;
        break;
    }
  }

  #append(shownAs: string, append: () => number): boolean {
    try {
      const ordinal = append();
      assert.equal(ordinal, this.#model.length + 1);
      this.#model.push(shownAs);
      return true;
    } catch (error) {
      assert.equal((error as { code?: unknown }).code, 'EIO');
      return false;
    }
  }

  #open(): OpenedLog {
    return open(this.#disk, { segmentBytes: 200, syncEveryBytes: 400 });
  }

  /** The opening before is not closed: its thread is gone. */
  #reopen(): void {
    this.#opened = this.#open();
  }

  #check(atLeast: number): void {
    const { log } = this.#opened;
    const records = shownBehind(log, this.#trimmedTo);
    assert.ok(log.last >= atLeast, `record ${atLeast} is there, not only ${log.last}`);
    assert.deepEqual(records, this.#model.slice(this.#trimmedTo, log.last));
    // What was lost was never acknowledged; the host goes on from here.
    this.#model = this.#model.slice(0, log.last);
    this.#barrier = log.cutsBehind(0).at(-1)?.record.barrier.number ?? this.#durableCut;
  }
}

function shownBehind(log: SourceLog, behind: number): string[] {
  return [...log.read(behind)].map(({ record }) => shown(record));
}
