import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Release } from '@nodeos/contracts/operator-api.ts';
import { chooseRelease } from './releases.ts';

const app = (name: string, version: string, abi: string) =>
  ({ target: `apps/${name}/${version}/${abi}.sqfs`, kind: 'app', name, version, custom: { kind: 'app' } }) as Release;
const system = {
  target: 'systems/x86_64-usb/1.1.0/slot.img',
  kind: 'system',
  name: 'x86_64-usb',
  version: '1.1.0',
  custom: { kind: 'system', system: { board: 'x86_64-usb' } },
} as Release;
const releases = [
  app('hello', '1.0.0', 'any'),
  app('two', '1.0.0', 'any'),
  app('two', '1.0.0', 'linux-x64-glibc'),
  system,
];

describe('chooseRelease', () => {
  for (const [wanted, target] of [
    ['hello@1.0.0', 'apps/hello/1.0.0/any.sqfs'],
    ['apps/two/1.0.0/any.sqfs', 'apps/two/1.0.0/any.sqfs'],
    ['x86_64-usb@1.1.0', system.target],
    ['system@1.1.0', system.target],
  ] as const) {
    it(`finds ${wanted}`, () => assert.equal(chooseRelease(releases, wanted).target, target));
  }
  for (const [wanted, code] of [
    ['hello', 'RELEASE_UNKNOWN'],
    ['hello@2.0.0', 'RELEASE_UNKNOWN'],
    ['@1.0.0', 'RELEASE_UNKNOWN'],
    ['two@1.0.0', 'INPUT_INVALID'],
  ] as const) {
    it(`refuses ${wanted} with ${code}`, () => assert.throws(() => chooseRelease(releases, wanted), { code }));
  }
});
