import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeviceGrants } from './device-grants.ts';

const CHIP = '/dev/gpiochip0';

test('a device node is one user’s until the last of its runs gives it back', () => {
  const grants = createDeviceGrants();
  const [first, second] = [grants.take('blink', [CHIP]), grants.take('blink', [CHIP])];
  assert.throws(() => grants.take('sign', [CHIP]), {
    code: 'DEVICE_TAKEN',
    message: `${CHIP} belongs to blink as long as that runs`,
  });
  first();
  first();
  assert.throws(() => grants.take('sign', [CHIP]), { code: 'DEVICE_TAKEN' });
  second();
  grants.take('sign', [CHIP])();
});

test('where one node is taken none is given', () => {
  const grants = createDeviceGrants();
  grants.take('blink', [CHIP]);
  assert.throws(() => grants.take('sign', ['/dev/i2c-1', CHIP]), { code: 'DEVICE_TAKEN' });
  grants.take('sensor', ['/dev/i2c-1']);
});

test('what all may have at the same time is nobody’s own', () => {
  const grants = createDeviceGrants();
  for (const user of ['one', 'two']) grants.take(user, ['/dev/fuse']);
});
