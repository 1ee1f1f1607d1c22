import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { TRIAL_WORD } from './trial-word.ts';

export type RaspberryPiBoot = Extract<Board['boot'], { chain: 'raspberrypi' }>;

/** Characters of a line that the firmware reads (Raspberry Pi documentation, config.txt, File format). */
const LINE_CHARACTERS = 98;
/** The one file that the boot ROM itself loads, from the first partition; boards with an EEPROM have none. */
const SECOND_STAGE = 'bootcode.bin';

export const COMMAND_LINE_FILES = { cold: 'cmdline.txt', trial: 'trial.txt' } as const;

/** Last names of the firmware's files by the place where they are looked for. */
export function firmwareFiles({ firmware }: RaspberryPiBoot): { readonly boot: string[]; readonly slot: string[] } {
  const names = (firmware?.files ?? []).map(lastName);
  return { boot: names.filter((name) => name === SECOND_STAGE), slot: names.filter((name) => name !== SECOND_STAGE) };
}

/** Last name of the stub in the slot. */
export function stubFile({ stub }: RaspberryPiBoot): string | null {
  return stub === null ? null : lastName(stub.file);
}

/**
 * `config.txt` of a slot. A tryboot takes another command line, with init's timer in it.
 * @throws NodeosError INPUT_INVALID for a line that the firmware would cut
 */
export function raspberryPiConfig(boot: RaspberryPiBoot): string {
  const stub = stubFile(boot);
  const lines = [
    '# Made by NodeOS.',
    '[all]',
    'kernel=kernel',
    'initramfs initramfs.img followkernel',
    `cmdline=${COMMAND_LINE_FILES.cold}`,
    ...(stub === null ? [] : [`armstub=${stub}`]),
    ...boot.config,
    '[tryboot]',
    `cmdline=${COMMAND_LINE_FILES.trial}`,
    '[all]',
  ];
  const long = lines.find((line) => line.length > LINE_CHARACTERS);
  if (long)
    throw new NodeosError('INPUT_INVALID', `the firmware reads ${LINE_CHARACTERS} characters of a line: ${long}`);
  return `${lines.join('\n')}\n`;
}

/**
 * The kernel's command lines in a slot. Which slot it is, the same bytes in both cannot say: init asks the firmware.
 * @param commandLine the board's words
 * @param diskId signature in the boot sector, 8 hex digits
 */
export function raspberryPiCommandLines(
  commandLine: string,
  diskId: string,
): { readonly cold: string; readonly trial: string } {
  const cold = [commandLine.trim(), `nodeos.disk=${diskId}`, 'nodeos.slot=firmware'].filter(Boolean).join(' ');
  return { cold: `${cold}\n`, trial: `${cold} ${TRIAL_WORD}\n` };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
