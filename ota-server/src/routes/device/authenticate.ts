import type { TLSSocket } from 'node:tls';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DEVICE_ID_PATTERN } from '../../broker/access.ts';
import type { ServerContext } from '../../context.ts';
import type { FleetContext } from '../../fleets.ts';
import type { DeviceRecord } from '../../store/store.ts';

export interface Identified {
  readonly device: DeviceRecord;
  readonly fleet: FleetContext;
}
const names = new WeakMap<Partial<TLSSocket>, string>();
/** A device never moves to another fleet, so it is looked up once for each connection. */
const fleetsOf = new WeakMap<Partial<TLSSocket>, FleetContext>();
const identified = new WeakMap<FastifyRequest, Identified>();

/** Demands a certificate of this server's authority, of a device that is approved and not revoked. */
export function demandDevice(scope: FastifyInstance, { fleets, connections }: ServerContext): void {
  scope.addHook('onRequest', async (request) => {
    const socket = request.raw.socket as Partial<TLSSocket>;
    const id = nameOf(socket);
    if (typeof id !== 'string' || !DEVICE_ID_PATTERN.test(id))
      throw new NodeosError('UNAUTHENTICATED', 'a client certificate of this server’s authority is needed', {
        hint: 'The device enrols first; its certificate is its identity from then on.',
      });
    // Before the check: whoever is shut out meanwhile loses the connection.
    connections.add(id, request.raw.socket);
    const fleet = fleetsOf.get(socket) ?? (await fleets.ofDevice(id));
    const device = (await fleet?.devices.active(id)) ?? null;
    if (fleet === null || device === null)
      throw new NodeosError('FORBIDDEN', `device ${id} is not active`, {
        hint: 'Approve the device, or let it enrol again with a new identity where it was revoked.',
      });
    fleetsOf.set(socket, fleet);
    await fleet.deviceReports.seen(device);
    identified.set(request, { device, fleet });
  });
}

/** Taking a certificate apart costs more than the rest of a small request: once for each connection. */
function nameOf(socket: Partial<TLSSocket>): string | undefined {
  if (socket.authorized !== true) return undefined;
  const known = names.get(socket);
  if (known !== undefined) return known;
  const name: unknown = socket.getPeerCertificate?.()?.subject?.CN;
  if (typeof name !== 'string') return undefined;
  names.set(socket, name);
  return name;
}

/** The device of a request behind `demandDevice`, and its fleet. */
export function deviceOf(request: FastifyRequest): Identified {
  const found = identified.get(request);
  if (found === undefined) throw new NodeosError('INTERNAL', 'the request was not authenticated');
  return found;
}
