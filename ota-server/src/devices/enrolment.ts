import type { EnrolAnswer, EnrolRequest } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Authority, CertificateRequest } from '../authority.ts';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { reasonToWait } from '../provisioning/approval.ts';
import type { DeviceRecord, Store } from '../store/store.ts';

export interface EnrolmentOptions {
  readonly store: Store;
  readonly authority: Authority;
  /** Runs the work in a transaction that also gives the device what is deployed to it. */
  readonly add: (work: (store: Store) => Promise<DeviceRecord>) => Promise<DeviceRecord>;
  /** From which the request comes. */
  readonly address: string;
  readonly now?: () => number;
}

/**
 * Takes a device in. The key is the identity: the same key again gives the same device and costs no use of the token.
 * @throws NodeosError INPUT_INVALID, ENROLMENT_REFUSED
 */
export async function enrol(options: EnrolmentOptions, request: EnrolRequest): Promise<EnrolAnswer> {
  const proven = await options.authority.readRequest(request.csr);
  const device = (await options.store.getDevice(proven.deviceId)) ?? (await addDevice(options, request, proven));
  if (device.publicKey !== proven.publicKey || device.state === 'revoked')
    throw new NodeosError('ENROLMENT_REFUSED', `device ${device.id} was revoked`, {
      hint: 'A revoked key stays out. To take the device back, give it a new identity: flash it again.',
    });
  if (device.state === 'pending')
    return { state: 'pending', deviceId: device.id, retryAfterSeconds: SERVER_LIMITS.enrolRetryAfterSeconds };
  return { state: 'approved', deviceId: device.id, certificate: await certificateOf(options, device, proven) };
}

async function addDevice(
  options: EnrolmentOptions,
  request: EnrolRequest,
  proven: CertificateRequest,
): Promise<DeviceRecord> {
  const now = (options.now ?? Date.now)();
  return options.add(async (store) => {
    // A second request of the same device may have won the race to this transaction.
    const raced = await store.getDevice(proven.deviceId);
    if (raced !== null) return raced;
    const token = await store.claimTokens.take(request.claimToken, now);
    if (token === null) throw new NodeosError('ENROLMENT_REFUSED', 'the claim token is unknown, used up or expired');
    if (await store.provisioning.isRemovedDevice(proven.deviceId))
      throw new NodeosError('ENROLMENT_REFUSED', `device ${proven.deviceId} was taken out of the fleet`, {
        hint: 'Its key stays out. To take the device back, give it a new identity: flash it again.',
      });
    const registration = await store.provisioning.getRegistration(request.serial);
    const [double = null] = await store.findBySerial(request.serial);
    const { address } = options;
    const waits = reasonToWait(token, { board: request.board, address, registration, double });
    const device: DeviceRecord = {
      id: proven.deviceId,
      serial: request.serial,
      board: request.board,
      state: waits === null ? 'active' : 'pending',
      tags: [...new Set([...token.tags, ...(registration?.tags ?? [])])],
      publicKey: proven.publicKey,
      certificate: null,
      systemVersion: request.systemVersion,
      lastSeen: now,
      createdAt: now,
      report: null,
      desired: NOTHING_DESIRED,
      pins: {},
    };
    await store.addDevice(device);
    if (registration?.device === null) await store.provisioning.setRegistrationDevice(request.serial, device.id);
    if (waits !== null)
      await store.history.addEvents(device.id, [{ at: now, kind: 'waits', text: `waits for approval: ${waits}` }]);
    return device;
  });
}

async function certificateOf(
  { store, authority }: EnrolmentOptions,
  device: DeviceRecord,
  proven: CertificateRequest,
): Promise<string> {
  if (device.certificate !== null && !authority.nearExpiry(device.certificate)) return device.certificate;
  const certificate = await authority.issueDevice(proven);
  await store.updateDevice(device.id, { certificate });
  return certificate;
}
