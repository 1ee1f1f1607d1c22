import type { Board } from '@nodeos/contracts/board.ts';

/** A board for tests, with the measures of x86_64-usb. */
export const exampleBoard: Board = {
  name: 'example',
  title: 'Example',
  description: 'A board for tests.',
  architecture: { kernel: 'x86', debian: 'amd64', node: 'x64', crossPrefix: '', compilerFlags: [] },
  node: { source: 'official', systemFlags: ['--max-old-space-size=64'] },
  kernel: {
    source: 'linux-source-6.12',
    fragments: ['base.config'],
    patches: [],
    commandLine: 'console=ttyS0 panic=5',
    deviceTrees: [],
    overlays: [],
  },
  boot: { chain: 'grub', targets: ['i386-pc', 'x86_64-efi'], trial: 'kexec', trialReason: 'For tests.' },
  partitions: { startMiB: 4, bootMiB: 32, slotMiB: 128, dataMiB: 16 },
  driverFirmware: [],
  wifi: false,
  verity: false,
  watchdog: null,
  emulate: null,
  sources: ['none'],
};
