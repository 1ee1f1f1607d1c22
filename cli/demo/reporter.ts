import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';

/** What a step of the story did, for its line. */
export interface StepOutcome<T> {
  readonly value: T;
  /** Short facts in the order in which they are shown. */
  readonly facts: readonly string[];
}

export interface StoryReporter {
  /** Runs one step and prints its line with the measured time. @throws NodeosError STORY_FAILED */
  step<T>(title: string, work: (say: (text: string) => void) => Promise<StepOutcome<T>>): Promise<T>;
}

/**
 * @param total number of steps of the story
 * @param write takes whole lines
 * @param evidence gives the tail of the console log for the message of a step that failed
 */
export function createReporter(total: number, write: (line: string) => void, evidence: () => string): StoryReporter {
  let number = 0;
  return {
    async step(title, work) {
      number++;
      const label = `${String(number).padStart(2)}/${total}`;
      const started = performance.now();
      try {
        const { value, facts } = await work((text) => write(`        ${text}`));
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        write(`[${label}] ${title}: ok in ${seconds} s; ${facts.join('; ')}`);
        return value;
      } catch (error) {
        if (isNodeosError(error) && error.code === 'INTERRUPTED') throw error;
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        write(`[${label}] ${title}: FAILED after ${seconds} s`);
        const tail = evidence();
        if (tail !== '') write(`        last lines of the device's console:\n${tail.replaceAll(/^/gm, '        | ')}`);
        throw error;
      }
    },
  };
}

/** Fails the step unless what was seen is what was expected. */
export function expectThat(holds: boolean, expected: string, seen: string): asserts holds {
  if (!holds) throw new NodeosError('STORY_FAILED', `expected: ${expected}; seen: ${seen}`);
}

/** `38.4 MB`, decimal. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
