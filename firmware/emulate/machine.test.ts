import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DISK_BUSES, type DiskSource, type MachineOptions, machineArguments } from './machine.ts';

const emulate = {
  system: 'qemu-system-x86_64',
  machine: 'q35',
  cpu: 'max',
  memoryMiB: 192,
  devices: ['-device', 'i6300esb'],
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
