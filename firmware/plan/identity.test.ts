import assert from 'node:assert/strict';
import { it } from 'node:test';
import { imageIdentity } from './identity.ts';

it('imageIdentity gives the same numbers for the same seed and others for another', () => {
  const [first, second] = [imageIdentity('x86_64-usb 1.0.0'), imageIdentity('x86_64-usb 1.0.1')];
  assert.deepEqual(imageIdentity('x86_64-usb 1.0.0'), first);
  for (const key of ['diskId', 'bootVolumeId', 'slotVolumeId', 'dataUuid'] as const)
    assert.notEqual(first[key], second[key]);
  assert.match(first.diskId, /^[0-9a-f]{8}$/);
  assert.match(first.dataUuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
