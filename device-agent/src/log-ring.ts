import type { LogBatch } from '@nodeos/contracts/mqtt.ts';

export type LogLine = LogBatch['lines'][number];

/** The newest lines of one source, bounded by the bytes of their text. */
export class LogRing {
  readonly #maxBytes: number;
  readonly #lines: LogLine[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(line: LogLine): void {
    this.#lines.push(line);
    this.#bytes += cost(line);
    let dropped = 0;
    while (this.#bytes > this.#maxBytes && dropped < this.#lines.length - 1)
      this.#bytes -= cost(this.#lines[dropped++] as LogLine);
    if (dropped > 0) this.#lines.splice(0, dropped);
  }

  /** The last lines, oldest first. */
  tail(count: number): LogLine[] {
    return count <= 0 ? [] : this.#lines.slice(-count);
  }
}

/** Text and the object around it. */
function cost(line: LogLine): number {
  return line.text.length + 64;
}
