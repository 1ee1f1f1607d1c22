import * as z from 'zod';
import { trialKindSchema } from './boot-chain.ts';
import { boardNameSchema } from './validate.ts';

/** One disk area in the board file; sizes in MiB, in the order they stand on the disk. */
const partitionsSchema = z.strictObject({
  bootMiB: z.number().int().min(8).max(1024),
  slotMiB: z.number().int().min(32).max(4096),
  /** Size in the image; grown to the end of the medium at first boot. */
  dataMiB: z.number().int().min(8).max(65536),
  /** Where p1 begins; everything before is boot code and the device record. */
  startMiB: z.number().int().min(1).max(64),
});

/** Files of a Debian package that are put somewhere as they are. */
const packageFilesSchema = z.strictObject({
  package: z.string(),
  /** Paths in the package without a leading slash. */
  files: z.array(z.string()).min(1),
});

/** How a system release is tried; a trial never writes the pointer. */
const trialFields = {
  trial: trialKindSchema,
  /** One sentence: why this and not the other. */
  trialReason: z.string().max(300),
};

const bootSchema = z.discriminatedUnion('chain', [
  /** GRUB on the first partition. */
  z.strictObject({
    chain: z.literal('grub'),
    /** GRUB's own names of the images that are made, e.g. `i386-pc` and `x86_64-efi`. */
    targets: z.array(z.enum(['i386-pc', 'x86_64-efi', 'i386-efi', 'arm64-efi'])).min(1),
    ...trialFields,
  }),
  /** The firmware of the Raspberry Pi reads autoboot.txt on the first partition, and config.txt in the slot that it names. */
  z.strictObject({
    chain: z.literal('raspberrypi'),
    /** `bootcode.bin` is put on the first partition, what it starts in each slot, under their last names; null: all in an EEPROM. */
    firmware: packageFilesSchema.nullable(),
    /** Lines of config.txt in a slot, without those that name the kernel, the initramfs and the command line. */
    config: z.array(z.string().max(98)),
    /** PSCI for 64-bit kernels: Arm Trusted Firmware, built to stand in the place of the firmware's own stub. */
    stub: z.strictObject({ package: z.string(), file: z.string() }).nullable(),
    ...trialFields,
  }),
  /** U-Boot, written raw before the first partition, runs our script on the first partition. */
  z.strictObject({
    chain: z.literal('u-boot'),
    loader: z.strictObject({
      package: z.string(),
      file: z.string(),
      /** Bytes from the start of the disk. */
      offset: z.number().int().positive(),
      /** Reserved for it, in bytes. */
      bytes: z.number().int().positive(),
    }),
    ...trialFields,
  }),
]);

/** A hardware profile, `boards/<name>.json`. Every hardware fact names its source. */
export const boardSchema = z.strictObject({
  $schema: z.string().optional(),
  name: boardNameSchema,
  title: z.string().max(80),
  description: z.string().max(400),
  architecture: z.strictObject({
    /** Kernel's ARCH. */
    kernel: z.enum(['x86', 'arm', 'arm64']),
    /** Debian architecture of the packages in the root. */
    debian: z.enum(['amd64', 'i386', 'arm64', 'armhf', 'armel']),
    /** Node's process.arch. */
    node: z.enum(['x64', 'ia32', 'arm64', 'arm']),
    /** Prefix of the cross tools, empty when the host's own tools fit. */
    crossPrefix: z.string(),
    /** Compiler flags that make code for the board's processor, e.g. `-march=armv6+fp` and `-mfloat-abi=hard`. */
    compilerFlags: z.array(z.string()).default([]),
  }),
  node: z.strictObject({
    source: z.enum(['official', 'debian']),
    /** Extra flags of the system process, e.g. heap limits. */
    systemFlags: z.array(z.string()),
  }),
  kernel: z.strictObject({
    /** Debian source package. */
    source: z.string(),
    fragments: z.array(z.string()).min(1),
    patches: z.array(z.string()),
    /** Board's part of the kernel command line, without the nodeos.* words. */
    commandLine: z.string().max(1024),
    /** Below `arch/<arch>/boot/dts/`, e.g. `broadcom/bcm2837-rpi-3-b.dtb`; in the slot under their last name. */
    deviceTrees: z.array(z.string().regex(/^[\w./+-]+\.dtb$/)).default([]),
    /** Sources below kernel-configs/overlays/, e.g. `disable-bt.dts`; in the slot as `overlays/<name>.dtbo`. */
    overlays: z.array(z.string().regex(/^[\w./+-]+\.dts$/)).default([]),
  }),
  boot: bootSchema,
  partitions: partitionsSchema,
  /** Firmware that the kernel's drivers load, e.g. for WiFi: put at the same paths of the root. */
  driverFirmware: z.array(packageFilesSchema).default([]),
  /** There is a radio that joins WiFi networks: the root has the program for it. The kernel's part is a fragment. */
  wifi: z.boolean().default(false),
  /** The kernel checks each block of the root against hashes (dm-verity) whose root stands on the command line. */
  verity: z.boolean(),
  watchdog: z.string().nullable(),
  emulate: z
    .strictObject({
      /** QEMU's program, e.g. `qemu-system-aarch64`. */
      system: z.string(),
      machine: z.string(),
      /** Null: the machine has one that cannot be chosen. */
      cpu: z.string().nullable(),
      memoryMiB: z.number().int().min(64),
      /** `pci`: virtio network and random numbers; `usb`: a USB network card; `none`: the machine's own card. */
      attach: z.enum(['pci', 'usb', 'none']).default('pci'),
      /** Where the disk is: a bus that the user chooses, or the machine's card slot. */
      disk: z.enum(['any', 'sd-card']).default('any'),
      /** Whose code runs first: QEMU's firmware or the disk's own boot code; or our reader that follows the Pi's boot rules. */
      firmware: z.enum(['disk', 'uefi', 'raspberrypi']).default('disk'),
      /** Revision code of the board, hex, which the firmware puts into the device tree, e.g. `a02082`. */
      revision: z
        .string()
        .regex(/^[0-9a-f]{4,8}$/)
        .optional(),
      /** Text of properties of the device tree where the machine lacks what the board has; null removes a property. */
      deviceTreeChanges: z
        .array(
          z.strictObject({ node: z.string(), property: z.string(), text: z.string().nullable(), reason: z.string() }),
        )
        .default([]),
      /**
       * How the end of QEMU's log looks when the guest restarts the machine by a part that QEMU lacks: a regular
       * expression. The emulator restarts it then.
       */
      resetNotes: z.string().optional(),
      /** First version of QEMU that has the machine, e.g. `9.0`. */
      minimumVersion: z.string().optional(),
      /** Words added to the kernel's command line in the emulator alone. */
      commandLine: z.string().default(''),
      /** Extra QEMU arguments, e.g. the watchdog device. */
      devices: z.array(z.string()),
    })
    .nullable(),
  sources: z.array(z.string()).min(1),
});

export type Board = z.infer<typeof boardSchema>;

/** What a native addon of an app must be built for, e.g. `linux-x64-glibc` or `linux-armhf-glibc`. */
export function boardAbi({ architecture }: Pick<Board, 'architecture'>): string {
  // Node has one name for two calling conventions that cannot load each other's code.
  return `linux-${architecture.node === 'arm' ? architecture.debian : architecture.node}-glibc`;
}
