/**
 * Follows the clicks of visitors as they come: counts each page, and ends a visit after a pause. Each click counts once,
 * whatever dies. In one terminal a server, in another the topology:
 *
 *     nc -lk 9999
 *     npx millrace run examples/clicks.ts --args '{"host":"localhost","port":9999,"pauseMs":5000}'
 *
 * A line is `visitor page`; what has another form comes out as an error.
 */
import { print, socket, topology, type StageContext, type StageOutputs } from 'millrace';

interface Click {
  readonly visitor: string;
  readonly page: string;
}

function parse(line: string, out: StageOutputs<Click>): void {
  const [visitor, page, ...rest] = line.split(' ');
  if (visitor && page && rest.length === 0) out.emit({ visitor, page });
  else out.to('errors').emit(line);
}

/** Counts the clicks of pages. Pages are dealt out by name, so each is counted in one place. */
class PageCounts {
  readonly counts: Map<string, number> = new Map();

  process({ page }: Click, out: StageOutputs<string>): void {
    const count = (this.counts.get(page) ?? 0) + 1;
    this.counts.set(page, count);
    out.emit(`${page} has ${count}`);
  }

  snapshot(): unknown {
    return [...this.counts];
  }

  restore(counts: [string, number][]): void {
    for (const [page, count] of counts) this.counts.set(page, count);
  }
}

/** Gathers the pages of a visitor until nothing has come for a while. */
function visits(pauseMs: number) {
  return class Visits {
    readonly underWay: Map<string, string[]> = new Map();

    process({ visitor, page }: Click, _out: StageOutputs<string>, ctx: StageContext): void {
      const pages = this.underWay.get(visitor) ?? [];
      pages.push(page);
      this.underWay.set(visitor, pages);
      ctx.timer(pauseMs, { visitor, clicks: pages.length });
    }

    onTimer(
      { visitor, clicks }: { visitor: string; clicks: number },
      out: StageOutputs<string>,
    ): void {
      const pages = this.underWay.get(visitor);
      // Another click came meanwhile, and with it another timer.
      if (pages?.length !== clicks) return;
      this.underWay.delete(visitor);
      out.emit(`${visitor} saw ${pages.join(' ')}`);
    }

    snapshot(): unknown {
      return [...this.underWay];
    }

    restore(underWay: [string, string[]][]): void {
      for (const [visitor, pages] of underWay) this.underWay.set(visitor, pages);
    }
  };
}

export default topology(
  'clicks',
  { guarantee: 'exactly-once' },
  (t, args: { host: string; port: number; pauseMs: number }) => {
    const lines = t.source('lines', socket({ host: args.host, port: args.port }));
    const clicks = t.stage('parse', parse, { from: lines.shuffle(), outputs: ['errors'] });
    const counts = t.stage('count', PageCounts, {
      from: clicks.byKey(({ page }) => page),
      parallelism: 2,
    });
    const ended = t.stage('visits', visits(args.pauseMs), {
      from: clicks.byKey(({ visitor }) => visitor),
      parallelism: 2,
    });
    t.sink('out', print(), { from: [counts.global(), ended.global()] });
    t.sink(
      'errors',
      print((line: string) => `not a click: ${line}`),
      {
        from: clicks.output<string>('errors').global(),
      },
    );
  },
);
