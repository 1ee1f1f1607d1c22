import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { ATTEMPTS, TRIAL_WORD } from './trial-word.ts';

/** Modules built into every GRUB image: what the script below uses, and nothing that draws. */
export const GRUB_MODULES = [
  'boot',
  'configfile',
  'echo',
  'fat',
  'linux',
  'loadenv',
  'normal',
  'part_msdos',
  'reboot',
  'regexp',
  'sleep',
  'terminal',
  'test',
] as const;

export type GrubBoot = Extract<Board['boot'], { chain: 'grub' }>;
export type GrubTarget = GrubBoot['targets'][number];

/**
 * What GRUB is built for. UEFI takes its file from removable media by this name (UEFI Specification 2.10, section
 * 3.5.1.1); BIOS has the boot sector instead.
 */
export const GRUB_TARGETS: Readonly<
  Record<GrubTarget, { readonly package: string; readonly file: string | null; readonly modules: readonly string[] }>
> = {
  'i386-pc': { package: 'grub-pc-bin', file: null, modules: ['biosdisk', 'serial'] },
  'i386-efi': { package: 'grub-efi-ia32-bin', file: 'BOOTIA32.EFI', modules: ['serial'] },
  'x86_64-efi': { package: 'grub-efi-amd64-bin', file: 'BOOTX64.EFI', modules: ['serial'] },
  'arm64-efi': { package: 'grub-efi-arm64-bin', file: 'BOOTAA64.EFI', modules: [] },
};

/** @throws NodeosError INPUT_INVALID for a board that another loader starts */
export function grubOf(board: Board): GrubBoot {
  if (board.boot.chain === 'grub') return board.boot;
  throw new NodeosError('INPUT_INVALID', `${board.name} is started by ${board.boot.chain}, not by GRUB`);
}

/** Names of GRUB's files in EFI/BOOT. */
export function uefiFiles(boot: GrubBoot): string[] {
  return boot.targets.flatMap((target) => GRUB_TARGETS[target].file ?? []);
}

/** Beside the screen and keyboard: the first serial port of PCs. Elsewhere UEFI's console is the serial port. */
export const SERIAL_CONSOLE = `serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
`;

/**
 * `grub/grub.cfg` on the first partition. GRUB's script has no arithmetic, so the counter is a chain of comparisons.
 * The pointer (`grubenv`) is only read here; the counter has a file of its own, so that a torn write to it cannot hurt
 * the pointer. So has the slot that is taken once: it is out before that slot is started.
 * Where both slots fail, the machine starts again: the cause may have been a slow medium.
 * @param diskId signature in the boot sector, 8 hex digits
 */
export function grubConfig(diskId: string, targets: readonly GrubTarget[]): string {
  const hasSerial = targets.some((target) => GRUB_TARGETS[target].modules.includes('serial'));
  const counter = Array.from({ length: ATTEMPTS }, (_, index) => ATTEMPTS - 1 - index).map((count) =>
    count > 0
      ? `elif [ "$nodeos_attempts" = ${count} ]; then\n  set nodeos_attempts=${count + 1}`
      : 'else\n  set nodeos_attempts=1',
  );
  return `# Made by NodeOS. The pointer is grubenv, the counter is attempts, both beside this file.
${hasSerial ? SERIAL_CONSOLE : ''}
set nodeos_disk=${diskId}
regexp --set=1:nodeos_device '^([^,]+)' "$root"
set nodeos_slot=a
set nodeos_attempts=0
set nodeos_once=none
load_env --file $prefix/grubenv nodeos_slot
load_env --file $prefix/attempts nodeos_attempts nodeos_once

if [ "$nodeos_slot" = b ]; then
  set chosen=b
  set other=a
else
  set chosen=a
  set other=b
fi

function find_slot {
  if [ "$1" = b ]; then
    set root=$nodeos_device,msdos3
  else
    set root=$nodeos_device,msdos2
  fi
}

function start_slot {
  find_slot $1
  set nodeos_slot=$1
  if [ -f /kernel ]; then
    echo "NodeOS: slot $1, attempt $nodeos_attempts"
    source /slot.cfg
    boot
  fi
}

if [ "$nodeos_once" = a -o "$nodeos_once" = b ]; then
  set once=$nodeos_once
  set nodeos_once=none
  save_env --file $prefix/attempts nodeos_attempts nodeos_once
  # A slot that cannot be taken out would be taken at every start.
  set nodeos_once=unknown
  load_env --file $prefix/attempts nodeos_once
  if [ "$nodeos_once" = none ]; then
    set nodeos_trial=yes
    start_slot $once
    set nodeos_trial=no
  fi
fi

find_slot $other
if [ "$nodeos_attempts" = ${ATTEMPTS} -a -f /kernel ]; then
  # The other slot gets one chance; then the pointer's slot has its attempts again.
  set nodeos_attempts=0
  set chosen=$other
  find_slot $chosen
elif [ "$nodeos_attempts" = ${ATTEMPTS} ]; then
  set nodeos_attempts=${ATTEMPTS}
${counter.join('\n')}
fi
save_env --file $prefix/attempts nodeos_attempts

start_slot $chosen
start_slot a
start_slot b
echo "NodeOS: no slot can be started"
sleep 10
reboot
`;
}

/**
 * `slot.cfg`: how GRUB starts the slot that the file lies in; `root`, `nodeos_disk`, `nodeos_slot` and, where the slot is
 * taken once, `nodeos_trial` are set.
 * @param commandLine words of the kernel command line without those of the disk and the slot
 */
export function slotConfig(commandLine: string): string {
  const words = grubWords(commandLine);
  const own = ['nodeos.disk=$nodeos_disk', 'nodeos.slot=$nodeos_slot', '$nodeos_words'];
  return `set nodeos_words=
if [ "$nodeos_trial" = yes ]; then
  set nodeos_words=${TRIAL_WORD}
fi
linux /kernel ${[...words, ...own].join(' ')}
initrd /initramfs.img
`;
}

/** Words of a kernel command line as GRUB's script must be told them. */
export function grubWords(commandLine: string): string[] {
  const words = commandLine.split(/\s+/).filter((word) => word !== '');
  return words.map(quote);
}

function quote(word: string): string {
  return /^[A-Za-z0-9_.,=:/+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
