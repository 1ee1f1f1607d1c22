import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificationRequest } from '@nodeos/device-agent/src/csr.ts';
import { type Identity, loadCredentials, loadIdentity, storeCredentials } from '@nodeos/device-agent/src/identity.ts';
import type { Disk } from '@nodeos/device-agent/src/updater/disk.ts';
import { FaultDisk, PowerCut } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { type Authority, openAuthority } from '@nodeos/ota-server/src/authority.ts';
import { seededRandom } from './random.ts';
import type { Cut, Stretch } from './walk.ts';

const MEDIUM_BYTES = 2 * 1_048_576;

interface Site {
  readonly medium: string;
  readonly state: string;
  readonly authorities: readonly [Authority, Authority];
}

/** Called in each boot: what the device does until it is online. `known` collects what it said to the world. */
type Life = (site: Site, disk: Disk, known: { serial: string | null }) => Promise<void>;

async function enrolWith(authority: Authority, identity: Identity, site: Site, disk: Disk): Promise<void> {
  const ca = authority.certificate;
  const stored = await loadCredentials(site.state, identity, ca, Date.now(), disk);
  if (stored) {
    assert.ok(stored.certificate !== '' && isOf(authority, stored.certificate), 'a certificate of another server');
    return;
  }
  const request = await authority.readRequest(certificationRequest(identity.serial, identity.privateKey));
  await storeCredentials(site.state, identity, ca, await authority.issueDevice(request), disk);
}

function isOf(authority: Authority, certificate: string): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority.certificate).publicKey);
}

async function identify(site: Site, disk: Disk, known: { serial: string | null }): Promise<Identity> {
  const identity = await loadIdentity(site.medium, site.state, disk);
  assert.equal(known.serial ?? identity.serial, identity.serial, 'another identity than before the cut');
  known.serial = identity.serial;
  return identity;
}

const LIVES: Readonly<Record<string, { prepare: Life; live: Life }>> = {
  'first boot: identity': {
    prepare: async () => {},
    async live(site, disk, known) {
      await enrolWith(site.authorities[0], await identify(site, disk, known), site, disk);
    },
  },
  'fleet file changed': {
    async prepare(site, disk, known) {
      await enrolWith(site.authorities[0], await identify(site, disk, known), site, disk);
    },
    async live(site, disk, known) {
      await enrolWith(site.authorities[1], await identify(site, disk, known), site, disk);
    },
  },
};

/** The device record and the certificate on a disk that the power may leave at any operation. */
export function identityStretches(): (Stretch & { dispose(): void })[] {
  return Object.entries(LIVES).map(([name, { prepare, live }]) => {
    const folder = mkdtempSync(join(tmpdir(), 'nodeos-twin-'));
    let authorities: Promise<Site['authorities']> | null = null;
    const makeAuthorities = async () =>
      [await openAuthority(join(folder, 'one')), await openAuthority(join(folder, 'other'))] as const;
    const run = async (cut: Cut): Promise<{ cuts: number; calls: number }> => {
      authorities ??= makeAuthorities();
      const own = mkdtempSync(join(folder, 'device-'));
      const site: Site = { medium: join(own, 'disk'), state: join(own, 'state'), authorities: await authorities };
      writeFileSync(site.medium, '');
      truncateSync(site.medium, MEDIUM_BYTES);
      const disk = new FaultDisk(cut.losses, seededRandom(cut.seed));
      const known = { serial: null };
      await prepare(site, disk.connect(), known);
      const start = disk.calls;
      disk.cutAt = start + cut.at;
      for (let cuts = 0; ; cuts++) {
        try {
          await live(site, disk.connect(), known);
          rmSync(own, { recursive: true });
          return { cuts, calls: disk.calls - start };
        } catch (error) {
          if (!isPowerCut(error)) throw error;
          await disk.unplug();
          if (cut.again !== null && cuts === 0) disk.cutAt = disk.calls + cut.again;
        }
      }
    };
    return {
      name,
      count: async () =>
        (await run({ at: Number.POSITIVE_INFINITY, losses: 'nothing lost', seed: 1, again: null })).calls,
      live: async (cut) => (await run(cut)).cuts > 0,
      dispose: () => rmSync(folder, { recursive: true, force: true }),
    };
  });
}

function isPowerCut(error: unknown): boolean {
  return error instanceof PowerCut || (error instanceof Error && isPowerCut(error.cause));
}
