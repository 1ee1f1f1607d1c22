import type { Board } from '@nodeos/contracts/board.ts';

export type Accelerator = 'kvm' | 'tcg';
export type DiskBus = 'virtio' | 'usb' | 'sata' | 'nvme';
export const DISK_BUSES: readonly DiskBus[] = ['virtio', 'usb', 'sata', 'nvme'];

/** A TCP port of the host's loopback that leads to a port of the guest. */
export interface PortForward {
  readonly host: number;
  readonly guest: number;
}

export interface DiskSource {
  readonly kind: 'disk';
  /** Raw image, which is written to, so give a copy; or `nbd:unix:<socket>`. */
  readonly path: string;
  readonly bus: DiskBus;
  /** UEFI needs the firmware's code and a writable copy of its variables. */
  readonly firmware:
    | { readonly kind: 'bios' }
    | { readonly kind: 'uefi'; readonly code: string; readonly variables: string };
}
export interface KernelSource {
  readonly kind: 'kernel';
  readonly kernel: string;
  readonly initramfs: string | null;
  readonly commandLine: string;
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
}

/**
 * QEMU's arguments (without the program name) for a board's `emulate` section. The serial console is QEMU's standard
 * input and output; user networking reaches the host's loopback as 10.0.2.2.
 */
export function machineArguments(emulate: NonNullable<Board['emulate']>, options: MachineOptions): string[] {
  const { accelerator, source } = options;
  return [
    ...['-no-user-config', '-nodefaults', '-display', 'none'],
    ...['-machine', emulate.machine, '-accel', accelerator, '-cpu', accelerator === 'kvm' ? 'host' : emulate.cpu],
    ...['-m', String(options.memoryMiB), '-smp', String(options.processors)],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=qmp,fd=${options.qmpFd}`, '-mon', 'chardev=qmp,mode=control'],
    ...(source.kind === 'disk' ? diskArguments(source) : kernelArguments(source)),
    ...(options.network ? networkArguments(options.forwards) : []),
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'],
    ...emulate.devices,
  ];
}

function kernelArguments(source: KernelSource): string[] {
  return [
    ...['-kernel', source.kernel],
    ...(source.initramfs === null ? [] : ['-initrd', source.initramfs]),
    ...['-append', source.commandLine],
  ];
}

function diskArguments(source: DiskSource): string[] {
  // Commas in a path would end the option; QEMU's escape is to double them.
  const file = (path: string): string => path.replaceAll(',', ',,');
  const firmware =
    source.firmware.kind === 'bios'
      ? []
      : [
          ...['-drive', `if=pflash,format=raw,readonly=on,file=${file(source.firmware.code)}`],
          ...['-drive', `if=pflash,format=raw,file=${file(source.firmware.variables)}`],
        ];
  // The host's page cache outlives QEMU, so its flushes need not reach the host's disk; but who serves a disk sees them.
  const cache = source.path.startsWith('nbd:') ? 'writeback' : 'unsafe';
  const drive = ['-drive', `if=none,id=disk,format=raw,cache=${cache},file=${file(source.path)}`];
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
    case 'nvme':
      return ['-device', 'nvme,serial=nodeos,drive=disk,bootindex=1'];
  }
}

function networkArguments(forwards: readonly PortForward[]): string[] {
  const rules = forwards.map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  // No option ROM: a network boot is never wanted and costs seconds.
  return ['-netdev', `user,id=net${rules}`, '-device', 'virtio-net-pci,netdev=net,romfile='];
}
