import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';

const TOOLS = ['/usr/sbin/avahi-daemon', '/usr/bin/avahi-browse', '/usr/bin/dig', '/usr/bin/dbus-daemon'];
const missing = TOOLS.filter((tool) => !existsSync(tool));
const here = (name: string) => new URL(name, import.meta.url).pathname;

test('Avahi and dig find a device, its apps, and the name it takes where its own is taken', {
  skip: missing.length > 0 && process.env.CI === undefined && `${missing.join(', ')} missing`,
  timeout: 180_000,
}, async () => {
  const namespaces = [
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
  ];
  const scene = [here('./neighbour.sh'), process.execPath, here('./announce-scene.ts')];
  const { stdout } = await promisify(execFile)('unshare', [...namespaces, 'sh', ...scene]);
  const { seen, afterwards, conflict } = JSON.parse(stdout);
  assert.deepEqual(seen.said, ['name pi']);
  assert.deepEqual(seen.browse, [
    'pi;_http._tcp;local;pi.local;10.9.0.7;80;"path=/"',
    'porch\\032on\\032pi;_http._tcp;local;pi.local;10.9.0.7;80;"path=/porch/"',
  ]);
  assert.equal(seen.resolve, 'pi.local\t10.9.0.7\nporch.pi.local\t10.9.0.7');
  assert.match(seen.dig, /^pi\.local\.\s+10\s+IN\s+A\s+10\.9\.0\.7$/);
  assert.doesNotMatch(seen.none, /IN/);
  assert.deepEqual(afterwards, []);
  assert.deepEqual(conflict.said, [
    "log mDNS: the name pi.local is another's in this network, trying pi-2.local",
    'name pi-2',
  ]);
  assert.equal(conflict.resolve, 'pi.local\t10.9.0.9\npi-2.local\t10.9.0.7');
});
