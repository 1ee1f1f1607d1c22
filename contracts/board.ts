import * as z from 'zod';
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
  }),
  boot: z.strictObject({
    chain: z.enum(['grub', 'raspberrypi', 'u-boot']),
    firmware: z.array(z.enum(['bios', 'uefi'])),
    trial: z.enum(['kexec', 'one-shot']),
  }),
  partitions: partitionsSchema,
  verity: z.boolean(),
  watchdog: z.string().nullable(),
  emulate: z
    .strictObject({
      system: z.string(),
      machine: z.string(),
      cpu: z.string(),
      memoryMiB: z.number().int().min(64),
      /** Extra QEMU arguments, e.g. the watchdog device. */
      devices: z.array(z.string()),
    })
    .nullable(),
  sources: z.array(z.string()).min(1),
});

export type Board = z.infer<typeof boardSchema>;

/** What a native addon of an app must be built for, e.g. `linux-x64-glibc`. */
export function boardAbi(board: Pick<Board, 'architecture'>): string {
  return `linux-${board.architecture.node}-glibc`;
}
