import type { Board } from '@nodeos/contracts/board.ts';

export type Accelerator = 'kvm' | 'tcg';
export type DiskBus = 'virtio' | 'usb' | 'sata' | 'nvme' | 'cd' | 'sd-card';
/** What the user may choose; a machine with a card slot has no choice. */
export const DISK_BUSES: readonly DiskBus[] = ['virtio', 'usb', 'sata', 'nvme', 'cd'];

/** A TCP port of the host's loopback that leads to a port of the guest. */
export interface PortForward {
  readonly host: number;
  readonly guest: number;
}

/** What a boot loader leaves in memory; the command line is complete. */
export interface LoadedKernel {
  readonly kernel: string;
  readonly initramfs: string | null;
  readonly deviceTree?: string | null;
  readonly commandLine: string;
}

export interface DiskSource {
  readonly kind: 'disk';
  /** Raw image, which is written to, so give a copy; or `nbd:unix:<socket>`. */
  readonly path: string;
  readonly bus: DiskBus;
  /** UEFI needs the firmware's code and a writable copy of its variables; where the emulator plays the firmware, what that loaded. */
  readonly firmware:
    | { readonly kind: 'bios' }
    | { readonly kind: 'uefi'; readonly code: string; readonly variables: string }
    | ({ readonly kind: 'loaded' } & LoadedKernel);
}
export interface KernelSource extends LoadedKernel {
  readonly kind: 'kernel';
}

export interface MachineOptions {
  readonly memoryMiB: number;
  readonly processors: number;
  readonly accelerator: Accelerator;
  readonly source: DiskSource | KernelSource;
  readonly forwards: readonly PortForward[];
  /** False: no network card at all. */
  readonly network: boolean;
  /** Number of an inherited file descriptor that is a connected socket for QMP. */
  readonly qmpFd: number;
  /** QEMU says on standard error what the guest asks of parts that it lacks. */
  readonly notes?: boolean;
}

/**
 * QEMU's arguments (without the program name) for a board's `emulate` section. The serial console is QEMU's standard
 * input and output; user networking reaches the host's loopback as 10.0.2.2.
 */
export function machineArguments(emulate: NonNullable<Board['emulate']>, options: MachineOptions): string[] {
  const { source } = options;
  const loaded = source.kind === 'kernel' ? source : source.firmware.kind === 'loaded' ? source.firmware : null;
  return [
    ...['-no-user-config', '-nodefaults', '-display', 'none'],
    ...['-machine', emulate.machine, '-accel', options.accelerator],
    ...processorArguments(emulate, options),
    ...['-m', String(options.memoryMiB)],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=qmp,fd=${options.qmpFd}`, '-mon', 'chardev=qmp,mode=control'],
    ...(source.kind === 'disk' ? diskArguments(source) : []),
    ...(loaded === null ? [] : kernelArguments(loaded)),
    // What was loaded belongs to one start: QEMU would put the same bytes there again after a reset.
    ...(source.kind === 'disk' && loaded !== null ? ['-no-reboot'] : []),
    ...(options.network ? networkArguments(emulate.attach, options.forwards) : []),
    ...(emulate.attach === 'pci' ? entropyArguments() : []),
    ...(options.notes ? ['-d', 'unimp,guest_errors'] : []),
    ...emulate.devices,
  ];
}

function processorArguments(emulate: NonNullable<Board['emulate']>, options: MachineOptions): string[] {
  // A machine that is one real board has its processors, and QEMU refuses any others.
  if (emulate.cpu === null) return [];
  return ['-cpu', options.accelerator === 'kvm' ? 'host' : emulate.cpu, '-smp', String(options.processors)];
}

function kernelArguments(loaded: LoadedKernel): string[] {
  return [
    ...['-kernel', loaded.kernel],
    ...(loaded.initramfs === null ? [] : ['-initrd', loaded.initramfs]),
    ...(loaded.deviceTree == null ? [] : ['-dtb', loaded.deviceTree]),
    ...['-append', loaded.commandLine],
  ];
}

function diskArguments(source: DiskSource): string[] {
  // Commas in a path would end the option; QEMU's escape is to double them.
  const file = (path: string): string => path.replaceAll(',', ',,');
  const firmware =
    source.firmware.kind === 'uefi'
      ? [
          ...['-drive', `if=pflash,format=raw,readonly=on,file=${file(source.firmware.code)}`],
          ...['-drive', `if=pflash,format=raw,file=${file(source.firmware.variables)}`],
        ]
      : [];
  const places: Partial<Record<DiskBus, string>> = {
    'sd-card': 'if=sd',
    cd: 'if=none,id=disk,media=cdrom,readonly=on',
  };
  const place = places[source.bus] ?? 'if=none,id=disk';
  // The host's page cache outlives QEMU, so its flushes need not reach the host's disk; but who serves a disk sees them.
  const cache = source.path.startsWith('nbd:') ? 'writeback' : 'unsafe';
  const drive = ['-drive', `${place},format=raw,cache=${cache},file=${file(source.path)}`];
  return [...firmware, ...drive, ...busArguments(source.bus)];
}

function busArguments(bus: DiskBus): string[] {
  switch (bus) {
    case 'virtio':
      return ['-device', 'virtio-blk-pci,drive=disk,bootindex=1'];
    case 'usb':
      return ['-device', 'qemu-xhci,id=usb', '-device', 'usb-storage,bus=usb.0,drive=disk,bootindex=1,removable=on'];
    case 'sata':
      return ['-device', 'ich9-ahci,id=sata', '-device', 'ide-hd,bus=sata.0,drive=disk,bootindex=1'];
    case 'cd':
      // A drive that all machines have a plug for; the firmware of QEMU's Arm machine knows no SATA.
      return ['-device', 'qemu-xhci,id=usb', '-device', 'usb-storage,bus=usb.0,drive=disk,bootindex=1'];
    case 'nvme':
      return ['-device', 'nvme,serial=nodeos,drive=disk,bootindex=1'];
    case 'sd-card':
      return [];
  }
}

function networkArguments(attach: NonNullable<Board['emulate']>['attach'], forwards: readonly PortForward[]): string[] {
  const rules = forwards.map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  switch (attach) {
    case 'pci':
      // No option ROM: a network boot is never wanted and costs seconds.
      return ['-netdev', `user,id=net${rules}`, '-device', 'virtio-net-pci,netdev=net,romfile='];
    case 'usb':
      return ['-netdev', `user,id=net${rules}`, '-device', 'usb-net,netdev=net'];
    case 'none':
      return ['-nic', `user${rules}`];
  }
}

function entropyArguments(): string[] {
  return ['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'];
}
