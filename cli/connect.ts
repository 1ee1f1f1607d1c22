import type { Command } from 'commander';
import { createClient, type ServerClient } from './client.ts';
import { resolveServer } from './config.ts';
import type { CliIo } from './io.ts';

export interface ServerOptions {
  readonly server?: string;
  readonly token?: string;
}

/** The two options of every verb that talks to a server. */
export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'operator address of the server (or NODEOS_SERVER)')
    .option('--token <token>', 'operator token (or NODEOS_TOKEN)');
}

/** @throws NodeosError UNAUTHENTICATED, INPUT_INVALID */
export async function connect(io: CliIo, options: ServerOptions): Promise<ServerClient> {
  return createClient(await resolveServer(io, options), io.signal);
}
