import type { Duplex } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface QmpAnswer {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly QMP?: unknown;
}

/** Client of the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU's sources) on a connected stream. */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #ready: Promise<void>;
  #nextId = 1;
  #rest = '';

  constructor(stream: Duplex) {
    this.#stream = stream;
    let greeted: () => void = () => {};
    let failed: (error: Error) => void = () => {};
    const greeting = new Promise<void>((resolve, reject) => {
      greeted = resolve;
      failed = reject;
    });
    // Capabilities are negotiated before the first command, as the specification demands.
    this.#ready = greeting.then(() => this.#send('qmp_capabilities', undefined)).then(() => undefined);
    this.#ready.catch(() => {});
    stream.on('data', (chunk: Buffer) => this.#take(chunk.toString(), greeted));
    const end = (): void => {
      const error = new NodeosError('EMULATOR_FAILED', 'QEMU ended while it was asked something');
      failed(error);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    };
    stream.on('close', end);
    stream.on('error', end);
  }

  /** Runs one command, e.g. `quit`, `system_reset`. @throws NodeosError EMULATOR_FAILED with QEMU's own words */
  async execute(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown> {
    await this.#ready;
    return this.#send(command, parameters);
  }

  /** Calls back for each asynchronous event, e.g. RESET, SHUTDOWN, WATCHDOG. Returns the way to stop that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #send(command: string, parameters: Readonly<Record<string, unknown>> | undefined): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#stream.destroyed) {
        reject(new NodeosError('EMULATOR_FAILED', `QEMU has ended, ${command} cannot be sent`));
        return;
      }
      this.#pending.set(id, { resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    });
  }

  #take(text: string, greeted: () => void): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      const answer = JSON.parse(line) as QmpAnswer;
      if (answer.QMP !== undefined) greeted();
      else if (answer.event !== undefined) {
        for (const listener of this.#listeners) listener({ event: answer.event, data: answer.data });
      } else if (answer.id !== undefined) this.#settle(answer.id, answer);
    }
  }

  #settle(id: number, answer: QmpAnswer): void {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (answer.error) waiting?.reject(new NodeosError('EMULATOR_FAILED', `QEMU refused: ${answer.error.desc}`));
    else waiting?.resolve(answer.return);
  }
}
