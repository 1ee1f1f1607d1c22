/**
 * How the firmware of the Raspberry Pi reads its text files (Raspberry Pi documentation, "config.txt", "autoboot.txt",
 * "Conditional filters"). Pure.
 */

export interface RaspberryPiModel {
  /** Names of the model filters that pass, e.g. `pi3`. */
  readonly filters: readonly string[];
  /** What is started where config.txt names nothing, 32-bit and 64-bit. */
  readonly kernels: { readonly arm: string; readonly arm64: string };
  /** Upstream Linux's device tree of the board. */
  readonly deviceTree: string;
  /** 64-bit unless config.txt says otherwise (documentation, `arm_64bit`: the default since Pi 4). */
  readonly arm64: boolean;
}

const KERNEL_64 = 'kernel8.img';

/** By QEMU's name of the machine. */
export const RASPBERRY_PI_MODELS: Readonly<Record<string, RaspberryPiModel>> = {
  raspi0: model(['pi0', 'pi0w'], 'kernel.img', 'bcm2835-rpi-zero.dtb', false),
  raspi1ap: model(['pi1'], 'kernel.img', 'bcm2835-rpi-a-plus.dtb', false),
  raspi2b: model(['pi2'], 'kernel7.img', 'bcm2836-rpi-2-b.dtb', false),
  raspi3ap: model(['pi3', 'pi3+'], 'kernel7.img', 'bcm2837-rpi-3-a-plus.dtb', false),
  raspi3b: model(['pi3'], 'kernel7.img', 'bcm2837-rpi-3-b.dtb', false),
  raspi4b: model(['pi4'], 'kernel7l.img', 'bcm2711-rpi-4-b.dtb', true),
};

function model(filters: readonly string[], arm: string, deviceTree: string, arm64: boolean): RaspberryPiModel {
  return { filters, kernels: { arm, arm64: KERNEL_64 }, deviceTree, arm64 };
}

export interface Conditions {
  readonly filters: readonly string[];
  readonly tryboot: boolean;
}
/** One setting with every value that applies, in the order of the file; for most settings the last one counts. */
export type Settings = ReadonlyMap<string, readonly string[]>;

const MODEL_FILTER = /^(pi\d\+?|pi0w|pi02|pi400|pi500|cm\d\w*)$/;

/**
 * Settings of config.txt or autoboot.txt that apply. Filters of one kind replace each other, those of different kinds
 * must all pass, `[all]` resets them; a filter that this reader does not know never passes.
 */
export function readSettings(text: string, conditions: Conditions): Settings {
  const settings = new Map<string, string[]>();
  const passed = new Map<string, boolean>();
  for (const line of text.split(/\r?\n/)) {
    const filter = /^\[(.*)\]\s*$/.exec(line)?.[1];
    if (filter === 'all') passed.clear();
    else if (filter === 'tryboot') passed.set('tryboot', conditions.tryboot);
    else if (filter !== undefined) {
      const kind = filter === 'none' || MODEL_FILTER.test(filter) ? 'model' : filter;
      passed.set(kind, conditions.filters.includes(filter));
    } else if ([...passed.values()].every(Boolean)) {
      const found = /^([A-Za-z0-9_]+)[= ](.*)$/.exec(line);
      if (found)
        settings.set(found[1] as string, [...(settings.get(found[1] as string) ?? []), (found[2] ?? '').trim()]);
    }
  }
  return settings;
}

/** The value that counts; undefined where there is none. */
export function lastOf(settings: Settings, name: string): string | undefined {
  return settings.get(name)?.at(-1);
}

export interface BootFiles {
  readonly kernel: string;
  readonly initramfs: string | null;
  readonly deviceTree: string;
  readonly overlays: readonly string[];
  readonly commandLine: string;
  readonly armStub: string | null;
}

/** Files, all in the partition of config.txt, that its settings make the firmware load. */
export function bootFiles(settings: Settings, board: RaspberryPiModel): BootFiles {
  const bits = lastOf(settings, 'arm_64bit');
  const arm64 = bits === undefined ? board.arm64 : bits !== '0';
  return {
    kernel: lastOf(settings, 'kernel') ?? (arm64 ? board.kernels.arm64 : board.kernels.arm),
    // `initramfs <file> followkernel`, or with an address in place of the last word.
    initramfs: lastOf(settings, 'initramfs')?.split(/\s+/)[0] ?? null,
    deviceTree: lastOf(settings, 'device_tree') ?? board.deviceTree,
    // `dtoverlay=<name>[,<parameter>=<value>…]`; an empty one ends the parameters of the one before.
    overlays: (settings.get('dtoverlay') ?? []).flatMap((value) => value.split(',')[0] || []),
    commandLine: lastOf(settings, 'cmdline') ?? 'cmdline.txt',
    armStub: lastOf(settings, 'armstub') ?? null,
  };
}
