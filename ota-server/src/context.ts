import type { Logger } from 'pino';
import type { AccessTokens } from './access-tokens.ts';
import type { Authority } from './authority.ts';
import type { Blobs } from './blobs/blobs.ts';
import type { Broker } from './broker/broker.ts';
import type { ServerConfiguration } from './configuration.ts';
import type { Deployments } from './deployments/deployments.ts';
import type { Devices } from './devices/devices.ts';
import type { Changes } from './live/changes.ts';
import type { LogHub } from './live/log-hub.ts';
import type { ReplSessions } from './live/repl-sessions.ts';
import type { Store } from './store/store.ts';
import type { OnlineKey, OnlineRole } from './tuf/online-keys.ts';
import type { Repository } from './tuf/repository.ts';

/** Ports the server listens on. */
export interface Addresses {
  readonly operator: { readonly host: string; readonly port: number; readonly url: string };
  readonly device: { readonly host: string; readonly port: number; readonly url: string };
  readonly mqtt: { readonly host: string; readonly port: number; readonly url: string };
}

/** The server's parts, as the routes see them. */
export interface ServerContext {
  readonly configuration: ServerConfiguration;
  readonly version: string;
  readonly log: Logger;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly authority: Authority;
  readonly keys: Readonly<Record<OnlineRole, OnlineKey>>;
  readonly repository: Repository;
  readonly access: AccessTokens;
  readonly broker: Broker;
  readonly changes: Changes;
  readonly devices: Devices;
  readonly deployments: Deployments;
  readonly logs: LogHub;
  readonly repl: ReplSessions;
  /** @throws NodeosError INTERNAL before the server listens */
  readonly addresses: () => Addresses;
}
