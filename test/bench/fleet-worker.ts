import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Order, Results, State } from './fleet-devices.ts';

/** One process holds no more: it would come to its limits of open files and of memory. */
const DEVICES_PER_PROCESS = 2_500;
const LIMIT_MS = 3_600_000;

/** A Node process of its own with enough open files, and a channel to it. */
export class Worker {
  readonly #child: ChildProcess;
  constructor(file: string, ...words: string[]) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const script = 'ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -H -n); exec "$0" "$@"';
    const node = [process.execPath, '--expose-gc', path, ...words];
    this.#child = spawn('sh', ['-c', script, ...node], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }
  send(word: unknown): void {
    this.#child.send(word as object);
  }
  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`a process of the benchmark ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended);
        resolve(message as T);
      });
    });
  }
  ask<T>(word: unknown): Promise<T> {
    const answer = this.answer<T>();
    this.send(word);
    return answer;
  }
  /** Resolves when it has ended by itself. */
  async finish(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.send('end');
    await ended;
  }
  end(): void {
    this.#child.removeAllListeners();
    this.#child.kill();
  }
}

/** The devices of a benchmark, in as many processes as they need. */
export class Devices {
  readonly #workers: Worker[];
  readonly count: number;
  constructor(count: number) {
    this.count = count;
    this.#workers = Array.from(
      { length: Math.ceil(count / DEVICES_PER_PROCESS) },
      () => new Worker('fleet-devices.ts'),
    );
  }
  /** Lets so many devices begin, shared out to the processes. @param order that of a part, with the number of its first */
  begin(devices: number, order: (part: number, first: number) => Order): void {
    let first = 0;
    for (const [index, worker] of this.#workers.entries()) {
      const part = Math.ceil((devices - first) / (this.#workers.length - index));
      if (part > 0) worker.send(order(part, first));
      first += part;
    }
  }
  async online(): Promise<number> {
    const states = await this.#ask<State>({ kind: 'state' });
    return states.reduce((sum, { online }) => sum + online, 0);
  }
  forget(): void {
    for (const worker of this.#workers) worker.send({ kind: 'forget' } satisfies Order);
  }
  async results(): Promise<Results> {
    const parts = await this.#ask<Results>({ kind: 'results' });
    return {
      toldAt: parts.flatMap(({ toldAt }) => toldAt),
      answersMs: parts.flatMap(({ answersMs }) => answersMs),
    };
  }
  /** Waits until all are there. */
  async allOnline(what: string, say: (line: string) => void): Promise<void> {
    let shown = 0;
    await until(what, 100, async () => {
      const online = await this.online();
      if (online >= shown + this.count / 5) {
        say(`${what}: ${online} of ${this.count}`);
        shown = online;
      }
      return online >= this.count;
    });
  }
  end(): void {
    for (const worker of this.#workers) worker.end();
  }
  #ask<T>(order: Order): Promise<T[]> {
    return Promise.all(this.#workers.map((worker) => worker.ask<T>(order)));
  }
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function until(what: string, everyMs: number, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; !(await check()); await pause(everyMs))
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
}
