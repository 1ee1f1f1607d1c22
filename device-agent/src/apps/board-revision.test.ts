import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpuinfoWithRevision, describeBoard } from './board-revision.ts';

const CPUINFO = 'processor\t: 0\nCPU implementer\t: 0x41\n\n';

test('the revision is added in the form that programs look for, and only where the kernel gives none', () => {
  const text = cpuinfoWithRevision(CPUINFO, Buffer.from('00a02082', 'hex')) ?? '';
  // The expression of the npm package rpi-gpio.
  assert.equal(text.match(/Revision\s*:\s*[0-9a-f]*([0-9a-f]{4})/)?.[1], '2082');
  assert.ok(text.startsWith('processor\t: 0\nCPU implementer\t: 0x41\n'));
  assert.equal(cpuinfoWithRevision(`${CPUINFO}Revision\t: 0010\n`, Buffer.from('00a02082', 'hex')), null);
  assert.equal(cpuinfoWithRevision(CPUINFO, null), null);
  assert.equal(cpuinfoWithRevision(CPUINFO, Buffer.from('a0', 'hex')), null);
});

test('an old code keeps its four digits', () => {
  assert.match(cpuinfoWithRevision(CPUINFO, Buffer.from('00000003', 'hex')) ?? '', /^Revision\t: 0003$/m);
});

test('the text is written where the firmware named a revision', async () => {
  const proc = await mkdtemp(join(tmpdir(), 'nodeos-cpuinfo-'));
  try {
    const cpuinfo = join(proc, 'written');
    await writeFile(join(proc, 'cpuinfo'), CPUINFO);
    assert.equal(await describeBoard({ proc, cpuinfo }), null);
    await mkdir(join(proc, 'device-tree/system'), { recursive: true });
    await writeFile(join(proc, 'device-tree/system/linux,revision'), Buffer.from('00a02082', 'hex'));
    assert.equal(await describeBoard({ proc, cpuinfo }), cpuinfo);
    assert.match(await readFile(cpuinfo, 'utf8'), /^Revision\t: a02082$/m);
  } finally {
    await rm(proc, { recursive: true });
  }
});
