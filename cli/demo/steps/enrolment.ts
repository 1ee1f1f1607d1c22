import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { open } from 'node:fs/promises';
import { request } from 'node:https';
import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import {
  DEVICE_RECORD_AREA_BYTES,
  DEVICE_RECORD_OFFSETS,
  newestDeviceRecord,
} from '@nodeos/contracts/device-record.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { z } from 'zod';
import { STORY_LIMITS } from '../context.ts';
import { deviceUntil } from '../operator.ts';
import { expectThat, type StepOutcome } from '../reporter.ts';
import type { BootedDevice } from './boot-device.ts';
import type { Fleet } from './start-fleet.ts';

const recordSchema = z.object({ serial: z.string(), privateKey: z.string() });

/** Step 4: the key was made on the device, the server signed its request, and nobody gets in without a certificate. */
export async function checkEnrolment(fleet: Fleet, booted: BootedDevice): Promise<StepOutcome<null>> {
  const { device, detail, image } = booted;
  const before = await readRecord(image);
  expectThat(before === null, 'an image without a key', 'a device record in the image');
  const record = recordSchema.parse((await readRecord(device.disk))?.payload);
  const publicKey = createPublicKey(createPrivateKey(record.privateKey)).export({ type: 'spki', format: 'der' });
  const fingerprint = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  expectThat(
    fingerprint === detail.id,
    'a device id that is the hash of the key on the disk',
    `${detail.id}, ${fingerprint}`,
  );
  expectThat(
    detail.state === 'active' && detail.serial === record.serial,
    'an active device',
    `${detail.state} ${detail.serial}`,
  );
  const certificate = certificateIn(
    await deviceUntil(
      fleet.operator,
      device.id,
      (now) => certificateIn(now) !== null,
      STORY_LIMITS.bootMs,
      'an event that names the serial number of the certificate',
    ),
  );
  const stranger = await askWithoutCertificate(fleet);
  expectThat(/^(401|403|refused)/.test(stranger), 'a refusal without a client certificate', stranger);
  return {
    value: null,
    facts: [
      `key (EC P-256) made on the device ${record.serial}, none in the image`,
      `request signed by it, claim token used up, device ${detail.id}`,
      `certificate ${certificate}`,
      `mutual TLS: a request without a certificate got ${stranger}`,
    ],
  };
}

function certificateIn(device: DeviceDetail): string | null {
  const event = device.events.find(({ kind }) => kind === 'enrolled');
  return /certificate ([0-9A-F]{8,})/.exec(event?.text ?? '')?.[1] ?? null;
}

async function readRecord(disk: string): Promise<{ sequence: number; payload: unknown } | null> {
  const file = await open(disk, 'r');
  try {
    const copies = await Promise.all(
      DEVICE_RECORD_OFFSETS.map(async (offset) => {
        const area = Buffer.alloc(DEVICE_RECORD_AREA_BYTES);
        await file.read(area, 0, area.length, offset);
        return area;
      }),
    );
    return newestDeviceRecord(copies);
  } finally {
    await file.close();
  }
}

/** HTTP status, or how the connection was refused. */
function askWithoutCertificate(fleet: Fleet): Promise<string> {
  return new Promise((resolve) => {
    const url = new URL(DEVICE_ROUTES.desired, fleet.deviceUrl);
    const asked = request(url, { ca: fleet.fleetFile.ca, agent: false }, (response) => {
      response.resume();
      resolve(`${response.statusCode} ${response.statusMessage}`);
    });
    asked.on('error', (error) => resolve(`refused: ${error.message}`));
    asked.end();
  });
}
