/**
 * numbers.ts as a topology: numbered records over TCP → filter → count by key → sinks, exactly-once. `records` are those
 * that came, `counts` a pair a record. At `map` a script may order faults.
 */
import { collect, socket, topology } from 'millrace';
import { faultPoint, type Faults } from 'millrace/testing';

interface Args {
  readonly port: number;
  readonly faults?: Faults;
}

class Count {
  counts = new Map<string, number>();
  process(line: string, out: { emit(pair: readonly [key: string, more: number]): void }): void {
    const key = line.split(' ', 1)[0]!;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    out.emit([key, 1]);
  }
  snapshot(): unknown {
    return [...this.counts];
  }
  restore(counts: unknown): void {
    this.counts = new Map(counts as [string, number][]);
  }
}

export default topology('numbers', { checkpointInterval: '500ms' }, (t, { port, faults }: Args) => {
  const map = faultPoint(faults, 'map');
  const lines = t.source(
    'lines',
    socket({ host: '127.0.0.1', port, hello: ({ bytes }) => `position ${bytes}\n` }),
  );
  const good = t.stage<string, string>(
    'filter',
    (line, out) => {
      map.pass(line);
      if (line !== '') out.emit(line);
    },
    { from: lines.shuffle(), parallelism: 2 },
  );
  const counts = t.stage('count', Count, {
    from: good.byKey((line) => line.split(' ', 1)[0]),
    parallelism: 2,
  });
  t.sink('records', collect('records'), { from: good.shuffle() });
  t.sink('counts', collect('counts'), { from: counts.shuffle() });
});
