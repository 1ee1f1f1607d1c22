import { readFile } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { type ServerInfo, serverInfoSchema } from '@nodeos/contracts/operator-api.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import type { Command } from 'commander';
import { createClaimToken } from './claim-tokens.ts';
import type { ServerClient } from './client.ts';
import { collect } from './options.ts';

/** What a fleet file of a server can be told. */
export interface FleetOptions {
  readonly claimToken?: string;
  readonly autoApprove?: boolean;
  readonly tag: string[];
  readonly deviceUrl?: string;
  readonly brokerUrl?: string;
  readonly hostname?: string;
  readonly development?: boolean;
}

/** The options of every verb that makes a fleet file. */
export function withFleet(command: Command): Command {
  return command
    .option('--claim-token <token>', 'an existing claim token; else a new one is made')
    .option('--auto-approve', 'with a new claim token: devices need no approval by hand')
    .option('--tag <tag>', 'with a new claim token: tag of the devices that come with it; repeatable', collect, [])
    .option('--device-url <url>', 'address of the server as devices see it, e.g. https://10.0.2.2:8443')
    .option('--broker-url <url>', 'address of the broker as devices see it, e.g. mqtts://10.0.2.2:8883')
    .option('--hostname <name>', 'host name of the device')
    .option('--development', 'devices let `nodeos dev` run unsigned files on them; not for devices in service');
}

/** The fleet file of a server; makes a claim token there unless one is given. @throws NodeosError of the server */
export async function makeFleetFile(
  client: ServerClient,
  info: ServerInfo,
  options: FleetOptions,
  uses: number | null = null,
): Promise<FleetFile> {
  const fleet = (claimToken: string): FleetFile => ({
    server: options.deviceUrl ?? info.deviceUrl,
    broker: options.brokerUrl ?? info.brokerUrl,
    ca: info.ca,
    claimToken,
    ...(options.hostname && { hostname: options.hostname }),
    ...(options.development && { development: true }),
  });
  // A name or an address that is wrong must not cost a token.
  validate(fleetFileSchema, fleet(options.claimToken ?? 'not-made-yet'), 'the fleet file');
  const request = { uses, expiresAt: null, tags: options.tag, autoApprove: options.autoApprove === true };
  return fleet(options.claimToken ?? (await createClaimToken(client, request)).token);
}

export function readServerInfo(client: ServerClient): Promise<ServerInfo> {
  return client.get('/server', serverInfoSchema);
}

export function fleetFileText(fleet: FleetFile): string {
  return `${JSON.stringify(fleet, null, 2)}\n`;
}

/** @throws NodeosError FILE_UNREADABLE, INPUT_INVALID */
export async function readFleetFile(path: string): Promise<FleetFile> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause });
  });
  return parseJson(fleetFileSchema, text, path);
}
