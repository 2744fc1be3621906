/** `verifyStage`: good stages pass, and each way to write a bad one is found and named. */
import { describe, expect, it } from 'vitest';
import type { StageContext, StageOutputs } from '../../src/topology/stage.ts';
import { verifyStage } from '../../src/testing/verify-stage/verify-stage.ts';

const WORDS = ['a', 'b', 'a', 'c', 'a', 'b', 'b', 'a'];

class Counter {
  counts = new Map<string, number>();

  process(word: string, out: StageOutputs<unknown>): void {
    const count = (this.counts.get(word) ?? 0) + 1;
    this.counts.set(word, count);
    out.emit([word, count]);
  }

  snapshot(): unknown {
    return [...this.counts];
  }

  restore(state: unknown): void {
    this.counts = new Map(state as [string, number][]);
  }
}

const kinds = (stage: Parameters<typeof verifyStage>[0], records: readonly unknown[] = WORDS) =>
  verifyStage(stage, { records }).findings.map(({ kind, serious }) =>
    serious ? kind : `(${kind})`,
  );

describe('a stage that is sound passes', () => {
  it('a counter, killed at each record', () => {
    const verdict = verifyStage(Counter, { records: WORDS });
    expect(verdict).toEqual({ ok: true, failed: [], findings: [], kills: 8, emitted: 8 });
  });

  it('a function', () => {
    expect(
      verifyStage((word: string, out: StageOutputs<string>) => out.emit(word.toUpperCase()), {
        records: WORDS,
      }).failed,
    ).toEqual([]);
  });

  it('one with timers, several outputs and emitTo', () => {
    class Sessions {
      sessions: Record<string, number> = {};

      process(word: string, out: StageOutputs<unknown>, ctx: StageContext): void {
        this.sessions[word] = (this.sessions[word] ?? 0) + 1;
        if (this.sessions[word] === 1) ctx.timer(25, word);
        out.to('direct').emitTo(word.charCodeAt(0) % 2, word);
      }

      onTimer(word: string, out: StageOutputs<unknown>, ctx: StageContext): void {
        out.to('ended').emit([word, this.sessions[word], ctx.now()]);
        delete this.sessions[word];
      }

      snapshot(): unknown {
        return { ...this.sessions };
      }

      restore(state: unknown): void {
        this.sessions = state as Record<string, number>;
      }
    }
    const verdict = verifyStage(Sessions, { records: WORDS, outputs: ['direct', 'ended'] });
    expect(verdict.failed).toEqual([]);
    expect(verdict.emitted).toBeGreaterThan(WORDS.length);
  });
});

describe('a stage that is not is found out:', () => {
  it('state and no snapshot', () => {
    class Bad extends Counter {}
    Object.assign(Bad.prototype, { snapshot: undefined });
    const { failed } = verifyStage(Bad, { records: WORDS });
    expect(failed).toEqual([
      'record 2: killed at record 1, it gives ["a",1] instead of ["a",2] at 2. It has no snapshot()',
    ]);
  });

  it('a snapshot and no restore', () => {
    class Bad extends Counter {}
    Object.assign(Bad.prototype, { restore: undefined });
    expect(verifyStage(Bad, { records: WORDS }).failed.join()).toContain('no restore()');
  });

  it('a field that snapshot leaves out', () => {
    class Bad extends Counter {
      total = 0;

      override process(word: string, out: StageOutputs<unknown>): void {
        super.process(word, out);
        if (++this.total === 5) out.emit('five');
      }
    }
    expect(kinds(Bad)).toEqual(['state-outside-snapshot']);
  });

  it('a restore that loses a field', () => {
    class Bad extends Counter {
      total = 0;

      override process(word: string, out: StageOutputs<unknown>): void {
        this.total++;
        super.process(word, out);
      }

      override snapshot(): unknown {
        return { counts: super.snapshot(), total: this.total };
      }

      override restore(state: unknown): void {
        super.restore((state as { counts: unknown }).counts);
      }
    }
    const { failed, findings } = verifyStage(Bad, { records: WORDS });
    expect(findings.map(({ kind }) => kind)).toEqual(['restore-loses']);
    expect(failed.join()).toContain('state.total is 0 instead of 1');
  });

  it('state in the module', () => {
    const seen = new Set<string>();
    class Bad {
      process(word: string, out: StageOutputs<unknown>): void {
        if (!seen.has(word)) out.emit(word);
        seen.add(word);
      }
    }
    const { failed, findings } = verifyStage(Bad, { records: WORDS });
    expect(findings.map(({ kind }) => kind)).toEqual(['not-deterministic']);
    expect(failed.join()).toContain('outside of its instance');
  });

  it('chance and the clock', () => {
    const random = Math.random.bind(Math);
    class Bad {
      process(word: string, out: StageOutputs<unknown>): void {
        out.emit([word, Math.random()]);
      }
    }
    expect(verifyStage(Bad, { records: WORDS }).failed.join()).toContain('It calls Math.random()');
    expect(random()).toBeLessThan(1);
  });

  it('a snapshot that changes it', () => {
    class Bad extends Counter {
      override snapshot(): unknown {
        const state = super.snapshot();
        this.counts.delete('c');
        this.counts.set('a', (this.counts.get('a') ?? 0) + 1);
        return state;
      }
    }
    expect(kinds(Bad)).toContain('snapshot-changes-it');
  });

  it('a snapshot that it goes on changing: a warning', () => {
    class Bad extends Counter {
      override snapshot(): unknown {
        return this.counts;
      }

      override restore(state: unknown): void {
        this.counts = state as Map<string, number>;
      }
    }
    const verdict = verifyStage(Bad, { records: WORDS });
    expect(verdict.findings.map(({ kind }) => kind)).toEqual(['shares-snapshot']);
    expect(verdict.ok).toBe(true);
  });

  it('one object that it emits again and again', () => {
    class Bad {
      record = { word: '' };

      process(word: string, out: StageOutputs<unknown>): void {
        this.record.word = word;
        out.emit(this.record);
      }
    }
    expect(kinds(Bad)).toEqual(['changes-what-it-emitted']);
  });

  it('a record that it changes: a warning', () => {
    const add = (record: { n: number }, out: StageOutputs<unknown>): void => {
      record.n++;
      out.emit({ ...record });
    };
    expect(kinds(add, [{ n: 1 }, { n: 2 }])).toEqual(['(changes-its-input)']);
  });

  it('one that throws, or is async', () => {
    const fails = (word: string): void => {
      if (word === 'c') throw new RangeError('no c');
    };
    const { failed } = verifyStage(fails, { records: WORDS });
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(/^record 3: it fails at 'c': .*no c/s);
    expect(kinds((async () => {}) as never)).toEqual(['throws']);
  });
});

describe('verifyStage refuses', () => {
  it('what it has no records for, and what is no stage', () => {
    const code = { code: 'ERR_MILLRACE_BAD_OPTION' };
    expect(() => verifyStage(Counter, { records: [] })).toThrow(expect.objectContaining(code));
    expect(() => verifyStage(Counter, { records: ['a'], everyMs: 0 })).toThrow(
      expect.objectContaining(code),
    );
    expect(() => verifyStage(7 as never, { records: ['a'] })).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_TOPOLOGY' }),
    );
  });
});
