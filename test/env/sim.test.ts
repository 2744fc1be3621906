import { describe, expect, it } from 'vitest';
import { simEnv, type SimEnv, type SimPort } from '../../src/env/sim.ts';

/** A run of nothing but chance: timers that tie, and two channels delivered in random order. */
function trace(seed: number): string {
  const env = simEnv(seed);
  let said = '';
  const channels = ['x', 'y'].map((name) => {
    const [here, there] = env.channel<never, number>();
    there.onMessage((n) => (said += `${name}${n} `));
    return here;
  });
  for (let n = 0; n < 4; n++) {
    env.clock.after(10, () => channels[env.chance.below(2)]!.post(n));
    env.clock.after(10, () => (said += `t${n} `));
  }
  env.clock.advance(10);
  for (let ports = env.deliverable(); ports.length > 0; ports = env.deliverable()) {
    ports[env.chance.below(ports.length)]!.deliverOne();
  }
  return `${said}${env.random()}`;
}

describe('a simulated world', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(trace(11)).toBe(trace(11));
    expect(trace(11)).not.toBe(trace(12));
  });
});

describe('a simulated port', () => {
  function channel(): {
    env: SimEnv;
    here: SimPort<string, string>;
    there: SimPort<string, string>;
    heard: string[];
  } {
    const env = simEnv(1);
    const [here, there] = env.channel<string, string>();
    const heard: string[] = [];
    return { env, here, there, heard };
  }

  it('I1: delivers one message at a time, in order, when told to', () => {
    const { env, here, there, heard } = channel();
    here.post('a');
    here.post('b');
    expect(env.deliverable()).toEqual([]);
    there.onMessage((message) => heard.push(message));
    expect(env.deliverable()).toEqual([there]);
    expect(heard).toEqual([]);
    expect([there.deliverOne(), ...heard]).toEqual([true, 'a']);
    expect(there.queued).toBe(1);
    there.deliverOne();
    expect([there.deliverOne(), ...heard]).toEqual([false, 'a', 'b']);
  });

  it('I2: what was posted before the thread was killed arrives, then its end, once', () => {
    const { env, here, there, heard } = channel();
    there.onMessage((message) => heard.push(message));
    there.onClose(() => heard.push('closed'));
    there.post('to the dead');
    here.post('a');
    here.post('b');
    here.sever();
    here.sever();
    here.post('after death');
    there.post('to the dead');
    while (there.deliverOne());
    expect(heard).toEqual(['a', 'b', 'closed']);
    expect(env.deliverable()).toEqual([]);
  });

  it('I2: a killed thread hears nothing more, and its own end is not told to it', () => {
    const { env, here, there, heard } = channel();
    here.onMessage((message) => heard.push(message));
    here.onClose(() => heard.push('closed'));
    there.post('a');
    here.sever();
    there.close();
    expect(env.deliverable()).toEqual([]);
    expect([here.deliverOne(), here.queued, ...heard]).toEqual([false, 0]);
  });

  it('tells a late listener that the other side is gone', () => {
    const { here, there, heard } = channel();
    here.close();
    there.deliverOne();
    there.onClose(() => heard.push('closed'));
    expect(heard).toEqual(['closed']);
  });

  it('I3: copies what is posted, apart from shared memory and ends that travel', () => {
    const env = simEnv(1);
    const [here, there] = env.channel<
      never,
      { list: number[]; shared: SharedArrayBuffer; end?: unknown }
    >();
    const heard: { list: number[]; shared: SharedArrayBuffer; end?: unknown }[] = [];
    there.onMessage((message) => heard.push(message));
    const list = [1];
    const shared = new SharedArrayBuffer(4);
    here.post({ list, shared });
    list.push(2);
    const [end] = env.channel();
    here.post({ list, shared, end }, [end]);
    while (there.deliverOne());
    expect(heard[0]!.list).toEqual([1]);
    new Int32Array(shared)[0] = 7;
    expect(new Int32Array(heard[0]!.shared)[0]).toBe(7);
    expect(heard[1]!.end).toBe(end);
    expect(() => here.post({ list: (() => 1) as never, shared })).toThrow(/could not be cloned/);
  });
});

describe('a disk in memory', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  it('I1: keeps what was written, whole', () => {
    const { disk } = simEnv(1);
    disk.makeDirectory('/a/b');
    const data = bytes('one');
    disk.write('/a/b/../b/f', data);
    data[0] = 0;
    disk.read('/a/b/f')[1] = 0;
    expect(new TextDecoder().decode(disk.read('/a/b/f'))).toBe('one');
  });

  it('fails as a real disk does', () => {
    const { disk } = simEnv(1);
    expect(() => disk.read('/none')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => disk.write('/none/f', bytes(''))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    disk.remove('/none');
    disk.removeDirectory('/none');
  });

  it('removes a directory with all that is in it, and nothing else', () => {
    const { disk } = simEnv(1);
    for (const directory of ['/a/b/c', '/a/bc']) {
      disk.makeDirectory(directory);
      disk.write(`${directory}/f`, bytes('x'));
    }
    disk.removeDirectory('/a/b/');
    expect(disk.paths()).toEqual(['/a/bc/f']);
    expect(disk.list('/a')).toEqual([]);
    expect(disk.list('/a/bc/')).toEqual(['f']);
    expect(() => disk.list('/a/b')).toThrow(/ENOENT/);
    expect(() => disk.write('/a/b/f', bytes(''))).toThrow(/ENOENT/);
  });

  it('fails when a test wants it to', () => {
    const { disk } = simEnv(1);
    disk.fault = (operation) =>
      operation === 'write' ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : undefined;
    expect(() => disk.write('/f', bytes(''))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    disk.fault = undefined;
    disk.write('/f', bytes(''));
    expect(disk.paths()).toEqual(['/f']);
  });
});
