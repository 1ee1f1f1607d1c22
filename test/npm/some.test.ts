import { testOnOneDevice } from './on-one-device.ts';
import { PACKAGES } from './packages.ts';

testOnOneDevice(
  'ten well-known packages are bundled and used on a device',
  PACKAGES.filter(({ always }) => always),
);
