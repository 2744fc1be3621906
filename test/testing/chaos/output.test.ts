/** What came out against what was served: what is lost, doubled, strange or out of order is named. */
import { describe, expect, it } from 'vitest';
import { createFaults, faultPoint, order } from '../../../src/testing/chaos/fault-point.ts';
import { NumberedServer } from '../../../src/testing/chaos/numbered-server.ts';
import { Output } from '../../../src/testing/chaos/output.ts';

const server = new NumberedServer({ keys: 3 });
const other = new NumberedServer({ keys: 3, name: 'b:' });
const records = (...numbers: number[]): string[] => numbers.map((n) => server.record(n));

describe('records', () => {
  it('each once, of all servers, in any order', () => {
    const output = new Output('all', [server, other]);
    output.add([...records(2, 0), other.record(0), ...records(1)]);
    expect(
      output.differences(
        new Map([
          [server, 3],
          [other, 1],
        ]),
      ),
    ).toEqual([]);
    expect(output.total).toBe(4);
  });

  it('lost, doubled and strange ones are named', () => {
    const output = new Output('all', [server]);
    output.add([...records(0, 0, 2, 5), 'who?']);
    expect(output.differences(new Map([[server, 4]]))).toEqual([
      "'who?' was never served",
      `2 lost: '${server.record(1)}', '${server.record(3)}'`,
      `2 too often: '${server.record(0)}', '${server.record(5)}'`,
    ]);
  });

  it('those that were passed over must not be there, in records and in counts', () => {
    const output = new Output('all', [server]);
    output.add(records(0, 2));
    const served = new Map([[server, 3]]);
    expect(output.differences(served, records(1))).toEqual([]);
    expect(output.differences(served, records(2))).toEqual([
      `1 lost: '${server.record(1)}'`,
      `1 too often: '${server.record(2)}'`,
    ]);
    const counts = new Output('counts', [server]);
    counts.add([
      ['k0', 1],
      ['k2', 1],
    ]);
    expect(counts.differences(served, records(1))).toEqual([]);
    expect(counts.differences(served)).toEqual(['1 counts are wrong: k1 is 0 instead of 1']);
  });

  it('a beginning has no gap', () => {
    const output = new Output('all', [server]);
    output.add(records(0, 1, 2));
    expect(output.prefixDifferences()).toEqual([]);
    output.add(records(4));
    expect(output.prefixDifferences()).toEqual([`1 lost: '${server.record(3)}'`]);
  });

  it('order counts for each key alone', () => {
    const output = new Output('all', [server]);
    output.add(records(1, 0, 3, 4));
    expect(output.disorder).toEqual([]);
    output.add(records(6, 3));
    expect(output.disorder).toEqual(['k0: 3 came behind 6']);
  });
});

it('counts are compared key by key', () => {
  const output = new Output('counts', [server]);
  output.add([
    ['k0', 2],
    ['k1', 1],
  ]);
  output.add([
    ['k0', 1],
    ['k1', 2],
    ['k2', 2],
  ]);
  expect(output.differences(new Map([[server, 9]]))).toEqual([
    '1 counts are wrong: k2 is 2 instead of 3',
  ]);
  output.add([['k2', 1]]);
  expect(output.differences(new Map([[server, 9]]))).toEqual([]);
});

describe('a point of user code', () => {
  it('does nothing without orders, and what is ordered as often as is ordered', () => {
    const faults = createFaults();
    const [map, sink] = [faultPoint(faults, 'map'), faultPoint(faults, 'sink')];
    map.pass(1);
    order(faults, { point: 'map', fault: 'throw', times: 2 });
    sink.pass(1);
    expect(() => map.pass(7)).toThrow('ordered at map, record 7');
    expect(() => map.pass(8)).toThrow('ordered at map, record 8');
    map.pass(9);
    faultPoint(undefined, 'map').pass(1);
  });

  it('a poison record throws each time that it comes, others pass; cleared it is harmless', () => {
    const faults = createFaults();
    const map = faultPoint(faults, 'map');
    order(faults, { point: 'map', fault: 'throw', record: 'grün' });
    map.pass('rot');
    for (let n = 0; n < 3; n++) expect(() => map.pass('grün')).toThrow('record grün');
    order(faults, { point: 'map', fault: 'clear' });
    map.pass('grün');
    // Room is used again: there is no end to orders.
    for (let n = 0; n < 100; n++) {
      order(faults, { point: 'map', fault: 'throw' });
      expect(() => map.pass(n)).toThrow(`record ${n}`);
    }
  });
});
