import { closeSync, openSync, readdirSync } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { describeFlags, type LineOptions } from './line-config.ts';
import type { ChipNames } from './line-names.ts';
import { gpioCalls } from './native.ts';

export interface LineInfo extends Required<Omit<LineOptions, 'value'>> {
  readonly offset: number;
  /** The kernel's name, '' where it has none. */
  readonly name: string;
  /** Who uses it, '' where nobody says so. */
  readonly consumer: string;
  readonly used: boolean;
}

/** All chips that this app may open, by number. @throws NodeosError GPIO_UNAVAILABLE, GPIO_FAILED */
export function listChips(): ChipNames[] {
  const names = readdirSync('/dev').filter((name) => /^gpiochip\d+$/.test(name));
  names.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)));
  return names.flatMap((name) => {
    try {
      return [withChip(name, describeChip)];
    } catch (error) {
      // Given to another app, or another system's node: as if it were not there.
      if (error instanceof NodeosError && error.code === 'GPIO_UNAVAILABLE' && names.length > 1) return [];
      throw error;
    }
  });
}

/** All lines of a chip with what they are set to. @throws NodeosError GPIO_UNAVAILABLE, GPIO_FAILED */
export function listLines(chip: string): LineInfo[] {
  return withChip(chip, (fd) => {
    const { lines } = gpioCalls().chipInfo(fd);
    return Array.from({ length: lines }, (_, offset) => {
      const { name, consumer, flags, debounceUs } = gpioCalls().lineInfo(fd, offset);
      return { offset, name, consumer, ...describeFlags(flags), debounceMs: debounceUs / 1000 };
    });
  });
}

/** Opens a chip for one piece of work: lines that were requested outlive it. */
export function withChip<Result>(name: string, work: (fd: number) => Result): Result {
  const calls = gpioCalls();
  let fd: number;
  try {
    fd = openSync(`/dev/${name}`, 'r+');
  } catch (cause) {
    throw new NodeosError('GPIO_UNAVAILABLE', `/dev/${name} cannot be opened: ${(cause as Error).message}`, { cause });
  }
  try {
    calls.chipInfo(fd);
    return work(fd);
  } catch (cause) {
    throw toNodeosError(cause, name);
  } finally {
    closeSync(fd);
  }
}

/** An ioctl's errno as an error that says what to do. */
export function toNodeosError(cause: unknown, what: string): NodeosError {
  if (cause instanceof NodeosError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const kind = code === 'EBUSY' ? 'GPIO_LINE_BUSY' : code === 'ENODEV' ? 'GPIO_UNAVAILABLE' : 'GPIO_FAILED';
  return new NodeosError(kind, `${what}: ${message}`, { cause });
}

function describeChip(fd: number): ChipNames {
  const { name, label, lines } = gpioCalls().chipInfo(fd);
  return { name, label, lineNames: Array.from({ length: lines }, (_, at) => gpioCalls().lineInfo(fd, at).name) };
}
