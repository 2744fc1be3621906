// An actor that answers, and measures how others do.
export class Player {
  #got = 0;
  async receive(message) {
    if (message === 'throw') throw new Error('told to');
    if (message?.count) return this.#got;
    if (message?.one) {
      this.#got++;
      return undefined;
    }
    if (message?.measure) {
      const times = [];
      for (let i = 0; i < message.asks; i++) {
        const from = performance.now();
        await message.measure.ask(i);
        times.push((performance.now() - from) * 1000);
      }
      return times.slice(message.asks / 10);
    }
    if (message?.flood) {
      const { flood, messages } = message;
      const from = performance.now();
      // Not more at once than a mailbox holds.
      for (let sent = 0; sent < messages;) {
        for (let n = 0; n < 10_000 && sent < messages; n++, sent++) flood.tell({ one: true });
        await flood.ask({ count: true }, { timeoutMs: 60_000 });
      }
      return messages / ((performance.now() - from) / 1000);
    }
    return message;
  }
}
