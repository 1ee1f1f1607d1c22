import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { deviceAbi } from './options.ts';

type Architecture = Pick<Board['architecture'], 'node' | 'debian'>;

/** Variables of process.config as the Node of each board has them (Debian 13's nodejs for the 32-bit ones). */
const NODES: readonly (Architecture & { variables: object })[] = [
  { node: 'x64', debian: 'amd64', variables: { host_arch: 'x64' } },
  { node: 'arm64', debian: 'arm64', variables: { host_arch: 'arm64' } },
  { node: 'ia32', debian: 'i386', variables: { host_arch: 'ia32' } },
  { node: 'arm', debian: 'armhf', variables: { host_arch: 'arm', arm_float_abi: 'hard', arm_version: '7' } },
  { node: 'arm', debian: 'armel', variables: { host_arch: 'arm', arm_float_abi: 'softfp', arm_version: '6' } },
];

test('a device names its ABI as the builder of a bundle does, and no two alike', () => {
  const names = NODES.map(({ node, debian, variables }) => {
    const architecture: Board['architecture'] = { kernel: 'arm', debian, node, crossPrefix: '', compilerFlags: [] };
    assert.equal(deviceAbi(node, variables), boardAbi({ architecture }));
    return deviceAbi(node, variables);
  });
  assert.equal(new Set(names).size, NODES.length, names.join());
});
