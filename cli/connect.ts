import type { Command } from 'commander';
import { createClient, type ServerClient } from './client.ts';
import { resolveServer } from './config.ts';
import type { CliIo } from './io.ts';

export interface ServerOptions {
  readonly server?: string;
  readonly token?: string;
  readonly inFleet?: string;
}

/** The options of every verb that talks to a server. */
export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'operator address of the server (or NODEOS_SERVER)')
    .option('--token <token>', 'operator token or API token (or NODEOS_TOKEN)')
    .option('--in-fleet <name>', 'fleet, where you have more than one (or NODEOS_FLEET)');
}

/** @throws NodeosError UNAUTHENTICATED, INPUT_INVALID */
export async function connect(io: CliIo, options: ServerOptions): Promise<ServerClient> {
  const fleet = options.inFleet ?? io.env.NODEOS_FLEET;
  return createClient(await resolveServer(io, options), io.signal, fleet);
}
