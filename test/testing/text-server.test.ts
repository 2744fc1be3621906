import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { TextLedger } from '../../src/testing/text-ledger.ts';
import { TextServer } from '../../src/testing/text-server.ts';

function naive(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of text.split(/[ \n]/))
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

describe('TextLedger', () => {
  const ledger = new TextLedger({ loopBytes: 3 << 20, vocabulary: 2000, seed: 5 });
  const loop = ledger.text.toString('latin1');

  it('counts exactly what lies before a position, over strides and loops', () => {
    const positions = [
      0,
      1,
      60,
      1 << 20,
      (1 << 20) + 1000,
      (2 << 20) + 77,
      loop.length,
      loop.length + 12_345,
      3 * loop.length - 1,
    ];
    for (const bytes of positions) {
      const text = (loop + loop + loop).slice(0, bytes);
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      expect(ledger.countsAt(bytes)).toEqual(naive(whole));
      const lines = whole.split('\n').length - 1;
      expect(ledger.linesAt(bytes)).toBe(lines);
      expect(ledger.bytesOf(lines)).toBe(whole.length);
    }
  });

  it('is the same for the same seed, and has lines of about 60 bytes', () => {
    expect(new TextLedger({ loopBytes: 1 << 16, seed: 9 }).text).toEqual(
      new TextLedger({ loopBytes: 1 << 16, seed: 9 }).text,
    );
    const full = new TextLedger({ loopBytes: 1 << 20 });
    expect(full.text.length / full.linesPerLoop).toBeGreaterThan(50);
    expect(full.text.length / full.linesPerLoop).toBeLessThan(70);
  });
});

describe('TextServer', () => {
  const servers: TextServer[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

  async function start(
    options: ConstructorParameters<typeof TextServer>[0],
  ): Promise<{ server: TextServer; port: number }> {
    const server = new TextServer({ loopBytes: 1 << 18, vocabulary: 500, ...options });
    servers.push(server);
    return { server, port: await server.listen() };
  }

  function read(port: number, hello?: string): Promise<string> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1');
      if (hello !== undefined) socket.write(hello);
      socket.setEncoding('latin1').on('data', (data) => (text += data));
      socket.on('end', () => resolve(text));
    });
  }

  it('serves whole loops and goes on where a client asks', async () => {
    const { server, port } = await start({ resumable: true, limitLines: 10_000, endAtLimit: true });
    const all = await read(port, 'position 0\n');
    expect(all.length).toBe(server.bytesOf(10_000));
    expect(naive(all)).toEqual(server.ledgerAt(all.length));
    expect(await read(port, 'position 300001\n')).toBe(all.slice(300_001));
    expect(server.served).toBe(all.length);
  });

  it('tells a client that says something else', async () => {
    const { port } = await start({ resumable: true });
    expect(await read(port, 'GET / HTTP/1.1\r\n')).toContain('expected: position');
  });

  it('serves at a rate', async () => {
    const clock = new VirtualClock();
    const { server, port } = await start({ rate: 1000, clock });
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const arrived = (bytes: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (text.length >= bytes) resolve();
          else socket.once('data', () => setImmediate(look));
        };
        look();
      });
    socket.setEncoding('latin1').on('data', (data) => (text += data));
    await new Promise<void>((resolve) => {
      const look = (): void => (server.connections > 0 ? resolve() : void setImmediate(look));
      look();
    });
    for (const ms of [100, 1000]) {
      clock.advance(ms);
      await arrived(server.bytesOf(clock.monotonic()));
      expect(text.split('\n').length - 1).toBe(clock.monotonic());
    }
    socket.destroy();
  });
});
