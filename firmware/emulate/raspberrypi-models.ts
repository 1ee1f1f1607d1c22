import { NodeosError } from '@nodeos/contracts/errors.ts';

/** What the firmware knows of the board that it runs on. */
export interface RaspberryPiModel {
  /** Model filters of config.txt that let lines through (Raspberry Pi documentation, config.txt, Model filters). */
  readonly filters: readonly string[];
  /** Device trees by preference of the firmware: names of Raspberry Pi's own kernel, and those of upstream Linux. */
  readonly deviceTree: { readonly own: string; readonly upstream: string };
  /** Kernel where config.txt names none, for 32 bits. */
  readonly kernel: string;
  /** What makes a partition one to boot from (autoboot.txt, boot_partition). */
  readonly firmwareFile: 'start.elf' | 'start4.elf' | 'config.txt';
  /** The boot ROM loads it from the first partition; later models have it in an EEPROM. */
  readonly secondStage: 'bootcode.bin' | null;
}

/** By the name of QEMU's machine, and for models that QEMU lacks by names of the same kind. */
const MODELS: Readonly<Record<string, RaspberryPiModel>> = {
  raspi0: {
    filters: ['pi0'],
    deviceTree: { own: 'bcm2708-rpi-zero.dtb', upstream: 'bcm2835-rpi-zero.dtb' },
    kernel: 'kernel.img',
    firmwareFile: 'start.elf',
    secondStage: 'bootcode.bin',
  },
  raspi1ap: {
    filters: ['pi1'],
    deviceTree: { own: 'bcm2708-rpi-b-plus.dtb', upstream: 'bcm2835-rpi-a-plus.dtb' },
    kernel: 'kernel.img',
    firmwareFile: 'start.elf',
    secondStage: 'bootcode.bin',
  },
  raspi2b: {
    filters: ['pi2'],
    deviceTree: { own: 'bcm2709-rpi-2-b.dtb', upstream: 'bcm2836-rpi-2-b.dtb' },
    kernel: 'kernel7.img',
    firmwareFile: 'start.elf',
    secondStage: 'bootcode.bin',
  },
  raspi3ap: {
    filters: ['pi3', 'pi3+'],
    deviceTree: { own: 'bcm2710-rpi-3-b-plus.dtb', upstream: 'bcm2837-rpi-3-a-plus.dtb' },
    kernel: 'kernel7.img',
    firmwareFile: 'start.elf',
    secondStage: 'bootcode.bin',
  },
  raspi3b: {
    filters: ['pi3'],
    deviceTree: { own: 'bcm2710-rpi-3-b.dtb', upstream: 'bcm2837-rpi-3-b.dtb' },
    kernel: 'kernel7.img',
    firmwareFile: 'start.elf',
    secondStage: 'bootcode.bin',
  },
  raspi4b: {
    filters: ['pi4'],
    // Both kernels use one name for this model.
    deviceTree: { own: 'bcm2711-rpi-4-b.dtb', upstream: 'bcm2711-rpi-4-b.dtb' },
    kernel: 'kernel7l.img',
    firmwareFile: 'start4.elf',
    secondStage: null,
  },
  raspi5b: {
    filters: ['pi5'],
    deviceTree: { own: 'bcm2712-rpi-5-b.dtb', upstream: 'bcm2712-rpi-5-b.dtb' },
    kernel: 'kernel_2712.img',
    firmwareFile: 'config.txt',
    secondStage: null,
  },
};

/** @throws NodeosError INPUT_INVALID */
export function raspberryPiModel(name: string): RaspberryPiModel {
  const model = MODELS[name];
  if (model) return model;
  throw new NodeosError('INPUT_INVALID', `${name} is no model of the Raspberry Pi`, {
    hint: `Models: ${Object.keys(MODELS).join(', ')}.`,
  });
}
