import type { Artefact } from '../cache.ts';
import type { BuildContext } from '../context.ts';

export interface BuiltLayer {
  readonly name: string;
  readonly cached: boolean;
  readonly seconds: number;
}

/** Runs build steps side by side; when one fails the others are interrupted and waited for. */
export class Steps {
  readonly context: BuildContext;
  readonly reports: BuiltLayer[] = [];
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #failure = new AbortController();
  #first: { readonly error: unknown } | null = null;

  constructor(context: BuildContext) {
    const signal = AbortSignal.any([context.signal, this.#failure.signal]);
    this.context = { ...context, signal };
  }

  /** Several layers need the same step: the first call makes it, the others wait for it. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name) ?? make();
    this.#running.set(name, running);
    return running as Promise<T>;
  }

  /** Notes a finished step. */
  note(artefact: Artefact): Artefact {
    const { name, cached, seconds } = artefact;
    this.reports.push({ name, cached, seconds });
    return artefact;
  }

  /** @throws the error that came first: those after it only say that they were interrupted because of it */
  async together<T extends readonly Promise<unknown>[]>(
    ...tasks: T
  ): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
    try {
      return (await Promise.all(tasks)) as { -readonly [Index in keyof T]: Awaited<T[Index]> };
    } catch (error) {
      this.#first ??= { error };
      this.#failure.abort();
      await Promise.allSettled(tasks);
      throw this.#first.error;
    }
  }
}
