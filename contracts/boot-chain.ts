import * as z from 'zod';

/** What starts a slot, from the board's own firmware to the kernel. */
export const bootChainSchema = z.enum(['grub', 'raspberrypi', 'u-boot']);
export type BootChain = z.infer<typeof bootChainSchema>;

/**
 * How a system release is tried: the running kernel jumps into the new one, or the boot loader takes the other slot
 * once. Neither writes the pointer.
 */
export const trialKindSchema = z.enum(['kexec', 'one-shot']);
export type TrialKind = z.infer<typeof trialKindSchema>;
