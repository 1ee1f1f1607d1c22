import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GRUB_MODULES, GRUB_TARGETS, type GrubTarget, grubConfig, slotConfig } from './grub-config.ts';

/** GRUB's commands and the module that each is in (GRUB manual, "Modules"). */
const MODULE_OF: Readonly<Record<string, string>> = {
  serial: 'serial',
  terminal_input: 'terminal',
  terminal_output: 'terminal',
  regexp: 'regexp',
  load_env: 'loadenv',
  save_env: 'loadenv',
  echo: 'echo',
  source: 'configfile',
  boot: 'boot',
  sleep: 'sleep',
  reboot: 'reboot',
  linux: 'linux',
  initrd: 'linux',
};
const SYNTAX = /^(set|if|elif|else|fi|function|\}|#|find_slot|start_slot)\b|^\}|^#/;

describe('grubConfig', () => {
  const lines = `${grubConfig('0a1b2c3d', ['i386-pc', 'x86_64-efi'])}${slotConfig('quiet')}`
    .split('\n')
    .map((line) => line.trim());

  it('uses only commands of modules that are built in, for every target', () => {
    for (const target of Object.keys(GRUB_TARGETS) as GrubTarget[]) assertBuiltIn(target);
  });

  function assertBuiltIn(target: GrubTarget): void {
    const modules = [...GRUB_MODULES, ...GRUB_TARGETS[target].modules];
    const script = `${grubConfig('0a1b2c3d', [target])}${slotConfig('quiet')}`.split('\n').map((line) => line.trim());
    const commands = script.filter((line) => line !== '' && !SYNTAX.test(line)).map((line) => line.split(' ')[0] ?? '');
    for (const command of commands) {
      const module = MODULE_OF[command];
      assert.ok(module, `unknown command ${command}`);
      assert.ok(modules.includes(module), `${module} is not built into ${target}`);
    }
  }

  it('writes the counter and never the pointer', () => {
    const written = lines.filter((line) => line.startsWith('save_env'));
    assert.deepEqual(written, ['save_env --file $prefix/attempts nodeos_attempts']);
  });

  it('names the disk', () => {
    assert.ok(lines.includes('set nodeos_disk=0a1b2c3d'));
  });
});

describe('slotConfig', () => {
  it('hands the board’s words and those of disk and slot to the kernel', () => {
    assert.equal(
      slotConfig('console=ttyS0,115200  panic=5'),
      'linux /kernel console=ttyS0,115200 panic=5 nodeos.disk=$nodeos_disk nodeos.slot=$nodeos_slot\ninitrd /initramfs.img\n',
    );
  });

  it('quotes what GRUB would read as syntax', () => {
    assert.match(slotConfig('a=$b;c'), /^linux \/kernel 'a=\$b;c' /);
  });
});
