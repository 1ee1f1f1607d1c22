import { U_BOOT_RECORD_BYTES, U_BOOT_RECORD_OFFSETS } from '@nodeos/contracts/u-boot-environment.ts';
import { ATTEMPTS, TRIAL_WORD } from './trial-word.ts';

const SECTOR_BYTES = 512;
const BYTES = hexadecimal(U_BOOT_RECORD_BYTES);
const FIRST = hexadecimal(U_BOOT_RECORD_OFFSETS[0] / SECTOR_BYTES);
const SECOND = hexadecimal(U_BOOT_RECORD_OFFSETS[1] / SECTOR_BYTES);
const NAMES = 'nodeos_attempts nodeos_once nodeos_sequence nodeos_slot';

/**
 * Text of `boot.scr` on the first partition, which U-Boot's distro_bootcmd runs with `devtype`, `devnum` and the
 * addresses for kernel, device tree and ramdisk set (U-Boot documentation, Distro boot). Its commands are those that
 * Debian's build for Allwinner has.
 * @param diskId signature in the boot sector, 8 hex digits
 */
export function uBootScript(diskId: string): string {
  return `# Made by NodeOS. The records are in sectors ${FIRST} and ${SECOND} of the card.
setenv nodeos_disk ${diskId}
${readRecord()}
${chooseSlot()}
${writeRecord()}
${startSlots()}`;
}

/** The newer whole record; where there is none, the defaults. The next one is written over the older. */
function readRecord(): string {
  const read = (sector: string): string => `mmc read \${ramdisk_addr_r} ${sector} 1`;
  const take = (names: string): string => `env import -c \${ramdisk_addr_r} ${BYTES} ${names}`;
  return `setenv nodeos_slot a
setenv nodeos_once none
setenv nodeos_attempts 0
setenv nodeos_sequence 0
setenv nodeos_next ${FIRST}
mmc dev \${devnum}
if ${read(FIRST)}; then
  if ${take(NAMES)}; then
    setenv nodeos_next ${SECOND}
  fi
fi
setenv nodeos_newest \${nodeos_sequence}
if ${read(SECOND)}; then
  if ${take('nodeos_sequence')}; then
    if itest \${nodeos_sequence} > \${nodeos_newest}; then
      ${take(NAMES)}
      setenv nodeos_next ${FIRST}
    else
      setenv nodeos_sequence \${nodeos_newest}
    fi
  fi
fi
`;
}

/** The slot that is taken once, else the pointer's, else, after too many starts, the other one if it has a kernel. */
function chooseSlot(): string {
  return `if test "\${nodeos_slot}" = b; then
  setenv nodeos_other a
  setenv nodeos_other_part 2
else
  setenv nodeos_slot a
  setenv nodeos_other b
  setenv nodeos_other_part 3
fi
setenv nodeos_chosen \${nodeos_slot}
setenv nodeos_try none
if test "\${nodeos_once}" = a; then
  setenv nodeos_try a
elif test "\${nodeos_once}" = b; then
  setenv nodeos_try b
elif itest \${nodeos_attempts} < ${ATTEMPTS}; then
  setexpr nodeos_attempts \${nodeos_attempts} + 1
elif test -e \${devtype} \${devnum}:\${nodeos_other_part} /kernel; then
  # The other slot gets one chance; then the pointer's slot has its attempts again.
  setenv nodeos_attempts 0
  setenv nodeos_chosen \${nodeos_other}
fi
`;
}

/** Read back: a slot that stays in the record would be taken at every start. */
function writeRecord(): string {
  return `setenv nodeos_once none
setexpr nodeos_sequence \${nodeos_sequence} + 1
env export -c -s ${BYTES} \${ramdisk_addr_r} ${NAMES}
setenv nodeos_written no
if mmc write \${ramdisk_addr_r} \${nodeos_next} 1; then
  if mmc read \${pxefile_addr_r} \${nodeos_next} 1; then
    if cmp.b \${ramdisk_addr_r} \${pxefile_addr_r} ${BYTES}; then
      setenv nodeos_written yes
    fi
  fi
fi
`;
}

function startSlots(): string {
  const load = (address: string, path: string): string => `load \${nodeos_from} \${${address}} ${path}`;
  const overlay = `${load('fdtoverlay_addr_r', `/overlays/\${overlay}`)} && fdt apply \${fdtoverlay_addr_r}`;
  const bootArguments = `"\${nodeos_arguments} nodeos.disk=\${nodeos_disk} nodeos.slot=\${nodeos_name} \${nodeos_words}"`;
  const steps = [
    load('ramdisk_addr_r', '/slot.env'),
    `env import -t \${ramdisk_addr_r} \${filesize} nodeos_arguments nodeos_tree nodeos_overlays nodeos_trial`,
    load('kernel_addr_r', '/kernel'),
    load('fdt_addr_r', `/\${nodeos_tree}`),
    `fdt addr \${fdt_addr_r}`,
    'fdt resize 0x10000',
  ];
  return `setenv nodeos_overlay 'for overlay in \${nodeos_overlays}; do ${overlay}; done'
setenv nodeos_load '${steps.join(' && ')}'
setenv nodeos_place 'if test "\${nodeos_name}" = b; then setenv nodeos_from "\${devtype} \${devnum}:3"; else setenv nodeos_from "\${devtype} \${devnum}:2"; fi'
setenv nodeos_say 'if test "\${nodeos_once}" = now; then setenv nodeos_words \${nodeos_trial}; else setenv nodeos_words; fi; setenv bootargs ${bootArguments}; echo "NodeOS: slot \${nodeos_name}, attempt \${nodeos_attempts}"'
setenv nodeos_go '${load('ramdisk_addr_r', '/initramfs.img')} && bootz \${kernel_addr_r} \${ramdisk_addr_r}:\${filesize} \${fdt_addr_r}'
setenv nodeos_start 'run nodeos_place; if run nodeos_load; then run nodeos_overlay; run nodeos_say; run nodeos_go; fi'

if test "\${nodeos_written}" = yes; then
  if test "\${nodeos_try}" != none; then
    setenv nodeos_name \${nodeos_try}
    setenv nodeos_once now
    run nodeos_start
    setenv nodeos_once none
  fi
fi
for name in \${nodeos_chosen} a b; do
  setenv nodeos_name \${name}
  run nodeos_start
done
echo "NodeOS: no slot can be started"
sleep 10
reset
`;
}

/** `slot.env`: what the script needs to know of the slot that the file lies in; read by `env import -t`. */
export function uBootSlot(slot: {
  /** The board's words. */
  readonly commandLine: string;
  /** Last names of files. */
  readonly deviceTree: string;
  readonly overlays: readonly string[];
}): string {
  const lines = [
    `nodeos_arguments=${slot.commandLine}`,
    `nodeos_tree=${slot.deviceTree}`,
    `nodeos_overlays=${slot.overlays.join(' ')}`,
    `nodeos_trial=${TRIAL_WORD}`,
  ];
  return `${lines.join('\n')}\n`;
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16)}`;
}
