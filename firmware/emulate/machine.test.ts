import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { DISK_BUSES, type DiskSource, type MachineOptions, machineArguments } from './machine.ts';

type Machine = NonNullable<Board['emulate']>;
const emulate: Machine = {
  system: 'qemu-system-x86_64',
  machine: 'q35',
  cpu: 'max',
  memoryMiB: 192,
  attach: 'pci',
  disk: 'any',
  firmware: 'disk',
  commandLine: '',
  deviceTreeChanges: [],
  devices: ['-device', 'i6300esb'],
};
const raspberryPi: Machine = {
  ...emulate,
  system: 'qemu-system-aarch64',
  machine: 'raspi3b',
  cpu: null,
  memoryMiB: 1024,
  attach: 'usb',
  disk: 'sd-card',
  firmware: 'raspberrypi',
  devices: [],
};
const disk: DiskSource = { kind: 'disk', path: '/tmp/a,b.img', bus: 'virtio', firmware: { kind: 'bios' } };
const options: MachineOptions = {
  memoryMiB: 192,
  processors: 1,
  accelerator: 'tcg',
  source: disk,
  forwards: [{ host: 8080, guest: 3000 }],
  network: true,
  qmpFd: 3,
};

function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, index) => (arg === option ? [args[index + 1] as string] : []));
}

test('a disk on each bus is the one boot device', () => {
  for (const bus of DISK_BUSES) {
    const args = machineArguments(emulate, { ...options, source: { ...disk, bus } });
    const bootable = valuesOf(args, '-device').filter((device) => device.includes('bootindex='));
    assert.equal(bootable.length, 1, bus);
    assert.match(bootable[0] as string, /drive=disk/);
  }
});

test('a comma in the path of the disk is doubled', () => {
  const drives = valuesOf(machineArguments(emulate, options), '-drive');
  assert.match(drives[0] as string, /file=\/tmp\/a,,b\.img$/);
});

test('ports are forwarded from the loopback address only, and the card has no boot ROM', () => {
  const args = machineArguments(emulate, options);
  assert.deepEqual(valuesOf(args, '-netdev'), ['user,id=net,hostfwd=tcp:127.0.0.1:8080-:3000']);
  assert.ok(args.includes('virtio-net-pci,netdev=net,romfile='));
  assert.ok(!machineArguments(emulate, { ...options, network: false }).includes('-netdev'));
});

test('UEFI gets its code read-only and its variables writable', () => {
  const firmware = { kind: 'uefi', code: '/code.fd', variables: '/vars.fd' } as const;
  const drives = valuesOf(machineArguments(emulate, { ...options, source: { ...disk, firmware } }), '-drive');
  assert.deepEqual(drives.slice(0, 2), [
    'if=pflash,format=raw,readonly=on,file=/code.fd',
    'if=pflash,format=raw,file=/vars.fd',
  ]);
});

test('a kernel is started directly, without a disk', () => {
  const source = { kind: 'kernel', kernel: '/k', initramfs: '/i', commandLine: 'console=ttyS0' } as const;
  const args = machineArguments(emulate, { ...options, source });
  assert.deepEqual(valuesOf(args, '-kernel'), ['/k']);
  assert.deepEqual(valuesOf(args, '-append'), ['console=ttyS0']);
  assert.deepEqual(valuesOf(args, '-drive'), []);
});

test('the processor is the host’s under KVM and the board’s under TCG', () => {
  assert.deepEqual(valuesOf(machineArguments(emulate, options), '-cpu'), ['max']);
  assert.deepEqual(valuesOf(machineArguments(emulate, { ...options, accelerator: 'kvm' }), '-cpu'), ['host']);
});

test('a machine that is one real board gets neither processors nor a bus: a card, a network card on USB', () => {
  const loaded = { kernel: '/k', initramfs: '/i', deviceTree: '/d', commandLine: 'root=x' };
  const source: DiskSource = { ...disk, bus: 'sd-card', firmware: { kind: 'loaded', ...loaded } };
  const args = machineArguments(raspberryPi, { ...options, source, memoryMiB: 1024 });
  assert.ok(!args.includes('-cpu') && !args.includes('-smp'));
  assert.deepEqual(valuesOf(args, '-drive'), ['if=sd,format=raw,cache=unsafe,file=/tmp/a,,b.img']);
  assert.deepEqual(valuesOf(args, '-device'), ['usb-net,netdev=net']);
  assert.deepEqual(valuesOf(args, '-object'), []);
  assert.deepEqual(
    ['-kernel', '-initrd', '-dtb', '-append'].map((option) => valuesOf(args, option).join()),
    ['/k', '/i', '/d', 'root=x'],
  );
});

test('what was loaded is for one start: QEMU ends at a reset, and only then', () => {
  const firmware = { kind: 'loaded', kernel: '/k', initramfs: null, commandLine: '' } as const;
  assert.ok(machineArguments(emulate, { ...options, source: { ...disk, firmware } }).includes('-no-reboot'));
  assert.ok(!machineArguments(emulate, options).includes('-no-reboot'));
});

test('a network card that the machine has itself is connected, not added', () => {
  const args = machineArguments(
    { ...raspberryPi, attach: 'none' },
    { ...options, source: { ...disk, bus: 'sd-card' } },
  );
  assert.deepEqual(valuesOf(args, '-nic'), ['user,hostfwd=tcp:127.0.0.1:8080-:3000']);
  assert.deepEqual(valuesOf(args, '-device'), []);
});

test('what the guest asks of missing parts is noted where that is wanted', () => {
  const args = machineArguments(emulate, { ...options, notes: true });
  assert.deepEqual(valuesOf(args, '-d'), ['unimp,guest_errors']);
  assert.deepEqual(valuesOf(machineArguments(emulate, options), '-d'), []);
});
