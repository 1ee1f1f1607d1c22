import { NodeosError } from '@nodeos/contracts/errors.ts';
import { pinTable } from './pins.ts';

/** A chip as far as names go; `lineNames` are the kernel's, '' for lines without one. */
export interface ChipNames {
  readonly name: string;
  readonly label: string;
  readonly lineNames: readonly string[];
}
export interface LinePlace {
  /** Name of the chip, e.g. `gpiochip0`. */
  readonly chip: string;
  readonly offset: number;
}
/** `GPIO17`, `P1-11`, `PA6`, a name that the kernel gives, `<chip>:<offset or name>`, or an offset on the board's own chip. */
export type LineName = string | number;

/**
 * Finds a line by its name.
 * @throws NodeosError GPIO_LINE_UNKNOWN where no chip has it, or more than one
 */
export function findLine(name: LineName, chips: readonly ChipNames[]): LinePlace {
  const found = typeof name === 'number' ? byOffset(name, chips) : byName(name, chips);
  const [first, second] = found;
  if (first === undefined) throw new NodeosError('GPIO_LINE_UNKNOWN', `there is no line ${name} on ${describe(chips)}`);
  if (second !== undefined)
    throw new NodeosError(
      'GPIO_LINE_UNKNOWN',
      `the line ${name} is on more than one chip: write ${first.chip}:${name} or ${second.chip}:${name}`,
    );
  return first;
}

function byName(name: string, chips: readonly ChipNames[]): LinePlace[] {
  const [, chipName, rest] = /^([^:]+):(.+)$/.exec(name) ?? [];
  if (chipName !== undefined && rest !== undefined) {
    const chosen = chips.filter((chip) => [chip.name, chip.label, `/dev/${chip.name}`].includes(chipName));
    return /^\d+$/.test(rest)
      ? chosen.flatMap((chip) => atOffset(chip, Number(rest)))
      : chosen.flatMap((chip) => named(rest, chip));
  }
  return chips.flatMap((chip) => named(name, chip));
}

/** The board's own names first: the kernel's name of a Pi's pin 3 is SDA1, which is also GPIO2. */
function named(name: string, chip: ChipNames): LinePlace[] {
  const table = pinTable(chip.label);
  const pin = /^P1-(\d+)$/.exec(name)?.[1];
  const line = pin === undefined ? name : (table?.header[Number(pin)] ?? '');
  const offset = table?.offsetOf(line) ?? chip.lineNames.findIndex((each) => each !== '' && each === line);
  return atOffset(chip, offset);
}

function byOffset(offset: number, chips: readonly ChipNames[]): LinePlace[] {
  const own = chips.find((chip) => pinTable(chip.label) !== null) ?? chips[0];
  return own ? atOffset(own, offset) : [];
}

function atOffset(chip: ChipNames, offset: number): LinePlace[] {
  return Number.isInteger(offset) && offset >= 0 && offset < chip.lineNames.length ? [{ chip: chip.name, offset }] : [];
}

function describe(chips: readonly ChipNames[]): string {
  if (chips.length === 0) return 'this machine: it has no GPIO chip, or the app was not given `gpio`';
  return chips.map((chip) => `${chip.name} (${chip.label}, ${chip.lineNames.length} lines)`).join(', ');
}
