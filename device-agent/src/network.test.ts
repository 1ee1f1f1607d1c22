import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLease } from './dhcp-lease.ts';
import { dhcpcdConfig, hostnameFor, resolvConf } from './network-config.ts';

function lease(options: readonly [number, readonly number[]][]): Buffer {
  const header = Buffer.alloc(240);
  header[0] = 2;
  Buffer.of(10, 0, 2, 15).copy(header, 16);
  header.writeUInt32BE(0x63825363, 236);
  return Buffer.concat([
    header,
    ...options.map(([code, value]) => Buffer.of(code, value.length, ...value)),
    Buffer.of(255),
  ]);
}
const text = (value: string) => [...Buffer.from(value)];

test('a lease tells address, name servers, time servers and domain', () => {
  const parsed = parseLease(
    lease([
      [53, [5]],
      [3, [10, 0, 2, 2]],
      [6, [10, 0, 2, 3, 10, 0, 2, 4]],
      [42, [10, 0, 2, 9]],
      [15, text('lab.example')],
    ]),
  );
  assert.deepEqual(parsed, {
    address: '10.0.2.15',
    routers: ['10.0.2.2'],
    nameServers: ['10.0.2.3', '10.0.2.4'],
    timeServers: ['10.0.2.9'],
    domain: 'lab.example',
  });
});

test('a domain that would write its own lines into resolv.conf is left out', () => {
  const parsed = parseLease(lease([[15, text('x\nnameserver 6.6.6.6')]]));
  assert.equal(parsed?.domain, null);
  assert.equal(resolvConf(undefined, parsed ? [parsed] : []), '');
});

test('no bytes from the network break the reading of a lease', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => void parseLease(Buffer.concat([lease([]), tail]))));
  assert.equal(parseLease(Buffer.alloc(12)), null);
  assert.equal(parseLease(Buffer.alloc(300)), null);
});

test('static interfaces get their address and the rest DHCP at once', () => {
  const config = dhcpcdConfig({ static: { eth1: { address: '192.168.7.2/24', gateway: '192.168.7.1' } } });
  assert.match(config, /^nodelay$/m);
  assert.match(config, /\ninterface eth1\nstatic ip_address=192\.168\.7\.2\/24\nstatic routers=192\.168\.7\.1\n$/);
  assert.ok(!dhcpcdConfig(undefined).includes('interface eth'));
});

test('fixed name servers stand before those of leases, without repetition, three at most', () => {
  const network = { static: { eth1: { address: '192.168.7.2/24', dns: ['9.9.9.9', '10.0.2.3'] } } };
  const leases = [
    parseLease(
      lease([
        [6, [10, 0, 2, 3, 10, 0, 2, 4, 10, 0, 2, 5]],
        [15, text('lab')],
      ]),
    ),
  ].flatMap((l) => l ?? []);
  assert.equal(
    resolvConf(network, leases),
    'search lab\nnameserver 9.9.9.9\nnameserver 10.0.2.3\nnameserver 10.0.2.4\n',
  );
});

test('the name is the fleet file’s, else told apart by the serial', () => {
  assert.equal(hostnameFor(null, '0123456789abcdef'), 'nodeos-012345');
  assert.equal(hostnameFor({ hostname: 'till-3' } as Parameters<typeof hostnameFor>[0], '0123456789abcdef'), 'till-3');
});
