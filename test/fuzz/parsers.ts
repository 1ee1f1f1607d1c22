import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { appManifestSchema } from '@nodeos/contracts/app-manifest.ts';
import { bootFactsSchema, parseKeyValues } from '@nodeos/contracts/boot-facts.ts';
import { desiredStateSchema } from '@nodeos/contracts/desired-state.ts';
import {
  deviceEventsSchema,
  deviceReportSchema,
  enrolAnswerSchema,
  enrolRequestSchema,
} from '@nodeos/contracts/device-api.ts';
import { decodeDeviceRecord, encodeDeviceRecord, newestDeviceRecord } from '@nodeos/contracts/device-record.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseEnvironmentBlock, renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { logBatchSchema, presenceSchema, replMessageSchema, tellSchema } from '@nodeos/contracts/mqtt.ts';
import { releaseCustomSchema } from '@nodeos/contracts/release.ts';
import { slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import { certificationRequest } from '@nodeos/device-agent/src/csr.ts';
import { parseLease } from '@nodeos/device-agent/src/dhcp-lease.ts';
import { loadIdentity } from '@nodeos/device-agent/src/identity.ts';
import { parseSntpAnswer } from '@nodeos/device-agent/src/sntp.ts';
import { openStateStore } from '@nodeos/device-agent/src/state.ts';
import { ed25519KeyFault } from '@nodeos/device-agent/src/trust/ed25519.ts';
import { checkMetadataKeys } from '@nodeos/device-agent/src/trust/metadata-keys.ts';
import { desired } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import { systemDisk } from '@nodeos/device-agent/src/updater/disk.ts';
import { openAuthority } from '@nodeos/ota-server/src/authority.ts';
import { parseRange } from '@nodeos/ota-server/src/blobs/send-blob.ts';
import { deviceReport } from '@nodeos/ota-server/src/testing/running-server.ts';
import fc from 'fast-check';
import type { ZodType } from 'zod';
import { damagedBytes, damagedJson } from './damage.ts';
import { temporaryFolder } from './folder.ts';

/** Reads bytes that anybody may have written: it gives a value or an error of the catalogue, and nothing else. */
export interface Parser {
  readonly name: string;
  readonly property: () => fc.IRawProperty<unknown> | Promise<fc.IRawProperty<unknown>>;
}

const SHA = 'a'.repeat(64);
const SLOT_MANIFEST = {
  format: 1,
  board: 'x86_64-usb',
  version: '1.0.0',
  buildTime: 1_760_000_000,
  boot: { chain: 'grub', trial: 'kexec' },
  commandLine: 'console=ttyS0 quiet',
  kernelRelease: '6.12.0',
  nodeVersion: '24.21.0',
  files: { kernel: { bytes: 3, sha256: SHA } },
};
const UPDATE = {
  lane: 'app',
  name: 'hello',
  version: '1.0.0',
  target: 'apps/hello/1.0.0/any.sqfs',
  deployment: 'd1',
  state: 'failed',
  percent: null,
  reason: 'HASH_MISMATCH: no',
};
const FLEET = {
  server: 'https://fleet.example:8443',
  broker: 'mqtts://fleet.example:8883',
  ca: '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n',
  claimToken: 'token-token',
  hostname: 'kiosk-1',
  network: {
    static: { eth0: { address: '10.0.0.2/24', gateway: '10.0.0.1', dns: ['10.0.0.1'] } },
    timeServers: ['time.example'],
  },
};
const ENROL = {
  csr: '-----BEGIN CERTIFICATE REQUEST-----\n',
  claimToken: 'token-token',
  serial: '0123456789abcdef',
  board: 'x86_64-usb',
  systemVersion: '1.0.0',
};

/** Formats in JSON, each with an example that is right. */
const JSON_FORMATS: readonly (readonly [string, ZodType, unknown])[] = [
  ['app manifest', appManifestSchema, appManifest('1.0.0')],
  ['slot manifest', slotManifestSchema, SLOT_MANIFEST],
  ['release description', releaseCustomSchema, { kind: 'app', app: appManifest('1.0.0'), notes: '' }],
  ['fleet file', fleetFileSchema, FLEET],
  ['desired state', desiredStateSchema, desired({ hello: '1.0.0' }, '1.1.0')],
  ['device report', deviceReportSchema, deviceReport({ updates: [UPDATE as never] })],
  ['device events', deviceEventsSchema, { events: [{ at: 1, kind: 'boot', text: 'up' }] }],
  ['enrolment request', enrolRequestSchema, ENROL],
  ['enrolment answer', enrolAnswerSchema, { state: 'pending', deviceId: 'a', retryAfterSeconds: 5 }],
  ['MQTT tell', tellSchema, { kind: 'logs', app: 'hello', seconds: 60, backlog: 10 }],
  ['MQTT presence', presenceSchema, { online: true }],
  ['MQTT logs', logBatchSchema, { lines: [{ at: 1, source: 'hello', stream: 'stdout', text: 'x' }] }],
  ['MQTT REPL', replMessageSchema, { session: 's', data: '1 + 1', end: false }],
];

/** Runs a parser; only the catalogue's errors may come out. */
function coded<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (isNodeosError(error)) return null;
    throw error;
  }
}

async function codedAsync<T>(parse: () => Promise<T>): Promise<T | null> {
  try {
    return await parse();
  } catch (error) {
    if (isNodeosError(error)) return null;
    throw error;
  }
}

function jsonParser([name, schema, example]: (typeof JSON_FORMATS)[number]): Parser {
  return {
    name,
    property: () => {
      assert.notEqual(
        coded(() => validate(schema, example, name)),
        null,
        `the example of ${name} is wrong`,
      );
      return fc.property(damagedJson(example), (text) => {
        const value = coded(() => parseJson(schema, text, name));
        assert.equal(Object.keys(Object.prototype).length, 0, 'the prototype of all objects was changed');
        if (value === null) return;
        // What was accepted is accepted again, and means the same.
        assert.deepEqual(parseJson(schema, JSON.stringify(value), name), value);
      });
    },
  };
}

const FACTS = Buffer.from('slot=a\ndisk=/dev/sda\ndisk_id=0123abcd\ndata=disk\ngrown=0\ntrial=240\nwatchdog=1\n');
const bytes = (example: Uint8Array) => damagedBytes(example);

export const PARSERS: readonly Parser[] = [
  ...JSON_FORMATS.map(jsonParser),
  {
    name: 'boot facts',
    property: () =>
      fc.property(
        fc.oneof(
          fc.string(),
          bytes(FACTS).map((octets) => Buffer.from(octets).toString()),
        ),
        (text) => {
          const values = parseKeyValues(text);
          assert.equal(Object.getPrototypeOf({}), Object.prototype);
          coded(() => validate(bootFactsSchema, values, 'boot'));
        },
      ),
  },
  {
    name: 'GRUB environment block',
    property: () =>
      fc.property(bytes(renderEnvironmentBlock({ nodeos_slot: 'a' })), (block) => {
        const values = coded(() => parseEnvironmentBlock(block));
        for (const value of Object.values(values ?? {})) assert.ok(!value.includes('\n'));
      }),
  },
  {
    name: 'device record',
    property: () => {
      const payload = { serial: '0123456789abcdef', privateKey: 'k' };
      const record = encodeDeviceRecord(7, payload);
      return fc.property(bytes(record), bytes(record), (one, other) => {
        const decoded = decodeDeviceRecord(Buffer.from(one));
        // The checksum covers everything that counts: what is read is what was written.
        if (decoded) assert.deepEqual(decoded, { sequence: 7, payload });
        newestDeviceRecord([Buffer.from(one), Buffer.from(other)]);
      });
    },
  },
  {
    name: 'identity on a medium',
    property: () => {
      const folder = temporaryFolder();
      const medium = join(folder, 'disk');
      return fc.asyncProperty(bytes(encodeDeviceRecord(1, { serial: 'x' })), async (record) => {
        writeFileSync(medium, Buffer.concat([Buffer.alloc(0x10_0000), record, Buffer.alloc(0x2_0000)]));
        const identity = await codedAsync(() => loadIdentity(medium, folder));
        if (identity) assert.match(identity.serial, /^[0-9a-f]{16}$/);
      });
    },
  },
  {
    name: 'agent state',
    property: () => {
      const folder = temporaryFolder();
      const example = {
        ...{ format: 1, apps: {}, candidate: null, system: null, systemTrial: null, cutShort: null, failed: {} },
        ended: [UPDATE],
      };
      return fc.asyncProperty(damagedJson(example), async (text) => {
        writeFileSync(join(folder, 'state.json'), text);
        const store = await openStateStore(systemDisk, folder);
        assert.equal(store.state.format, 1);
        assert.ok(Array.isArray(store.state.ended));
      });
    },
  },
  {
    name: 'DHCP lease',
    property: () => {
      const lease = Buffer.alloc(260);
      lease.writeUInt32BE(0x6382_5363, 236);
      lease.set([3, 4, 10, 0, 0, 1, 6, 4, 10, 0, 0, 2, 15, 3, 0x61, 0x2e, 0x62, 255], 240);
      return fc.property(bytes(lease), (message) => {
        const parsed = parseLease(Buffer.from(message));
        if (!parsed) return;
        const addresses = [...parsed.nameServers, ...parsed.routers, ...parsed.timeServers];
        for (const address of addresses) assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
        // It goes into resolv.conf.
        if (parsed.domain !== null) assert.match(parsed.domain, /^[A-Za-z0-9][A-Za-z0-9.-]*$/);
      });
    },
  },
  {
    name: 'SNTP answer',
    property: () => {
      const nonce = Buffer.alloc(8, 7);
      const packet = Buffer.alloc(48);
      packet.set([0x24, 2], 0);
      nonce.copy(packet, 24);
      packet.writeUInt32BE(3_900_000_000, 32);
      packet.writeUInt32BE(3_900_000_000, 40);
      return fc.property(bytes(packet), (answer) => {
        const time = parseSntpAnswer(Buffer.from(answer), nonce);
        if (time !== null) assert.ok(Number.isFinite(time) && time > -3e12 && time < 8e12);
      });
    },
  },
  {
    name: 'Ed25519 key',
    property: () =>
      fc.property(fc.uint8Array({ maxLength: 40 }), (key) => {
        const fault = ed25519KeyFault(key);
        assert.ok(fault === null ? key.length === 32 : fault.length > 0);
      }),
  },
  {
    name: 'keys of TUF metadata',
    property: () => {
      const hex = createHash('sha256').update('key').digest('hex');
      const key = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hex } };
      const example = { signed: { keys: { [hex]: key }, delegations: { keys: { other: key } } }, signatures: [] };
      return fc.property(damagedJson(example), (text) => {
        coded(() => checkMetadataKeys(Buffer.from(text), 'root.json'));
      });
    },
  },
  {
    name: 'Range of a request',
    property: () =>
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.bigInt(-5n, 2n ** 70n), fc.bigInt(-5n, 2n ** 70n)).map(([from, to]) => `bytes=${from}-${to}`),
          fc.nat().map((from) => `bytes=${from}-`),
          fc.nat().map((last) => `bytes=-${last}`),
        ),
        fc.integer({ min: 0, max: 2 ** 40 }),
        (header, size) => {
          const range = parseRange(header, size);
          if (range === null || range === 'unsatisfiable') return;
          assert.ok(range.start >= 0 && range.start <= range.end && range.end < size, JSON.stringify(range));
        },
      ),
  },
  {
    name: 'certification request',
    property: async () => {
      const folder = temporaryFolder();
      const authority = await openAuthority(folder);
      const { serial, privateKey } = await loadIdentity(null, folder);
      const pem = certificationRequest(serial, privateKey);
      const { deviceId } = await authority.readRequest(pem);
      const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
      const wrap = (octets: Uint8Array) =>
        `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(octets).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      return fc.asyncProperty(fc.oneof(bytes(der).map(wrap), fc.string()), async (csr) => {
        const request = await codedAsync(() => authority.readRequest(csr));
        // Nobody else can prove that key.
        if (request) assert.equal(request.deviceId, deviceId);
      });
    },
  },
];
