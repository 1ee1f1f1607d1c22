/** Modules built into both GRUB images: what the script below uses, and nothing that draws. */
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
  'serial',
  'sleep',
  'terminal',
  'test',
] as const;

/** How often GRUB starts the pointer's slot that never reports itself healthy before it takes the other one. */
const ATTEMPTS = 3;

/**
 * `grub/grub.cfg` on the first partition. GRUB's script has no arithmetic, so the counter is a chain of comparisons.
 * The pointer (`grubenv`) is only read here; the counter has a file of its own, so that a torn write to it cannot hurt
 * the pointer. Where both slots fail, the machine starts again: the cause may have been a slow medium.
 * @param diskId signature in the boot sector, 8 hex digits
 */
export function grubConfig(diskId: string): string {
  const counter = Array.from({ length: ATTEMPTS }, (_, index) => ATTEMPTS - 1 - index).map((count) =>
    count > 0
      ? `elif [ "$nodeos_attempts" = ${count} ]; then\n  set nodeos_attempts=${count + 1}`
      : 'else\n  set nodeos_attempts=1',
  );
  return `# Made by NodeOS. The pointer is grubenv, the counter is attempts, both beside this file.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial

set nodeos_disk=${diskId}
regexp --set=1:nodeos_device '^([^,]+)' "$root"
set nodeos_slot=a
set nodeos_attempts=0
load_env --file $prefix/grubenv nodeos_slot
load_env --file $prefix/attempts nodeos_attempts

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
 * `slot.cfg`: how GRUB starts the slot that the file lies in; `root`, `nodeos_disk` and `nodeos_slot` are set.
 * @param commandLine words of the kernel command line without those of the disk and the slot
 */
export function slotConfig(commandLine: string): string {
  const words = commandLine.split(/\s+/).filter((word) => word !== '');
  return `linux /kernel ${[...words.map(quote), 'nodeos.disk=$nodeos_disk', 'nodeos.slot=$nodeos_slot'].join(' ')}
initrd /initramfs.img
`;
}

function quote(word: string): string {
  return /^[A-Za-z0-9_.,=:/+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
