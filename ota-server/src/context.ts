import type { Logger } from 'pino';
import type { Endings } from './access/endings.ts';
import type { Principals } from './access/principals.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { Authority } from './authority.ts';
import type { Broker } from './broker/broker.ts';
import type { ServerConfiguration } from './configuration.ts';
import type { DeviceConnections } from './devices/connections.ts';
import type { Door } from './door.ts';
import type { Drain } from './drain.ts';
import type { Fleets } from './fleets.ts';
import type { LogHub } from './live/log-hub.ts';
import type { ReplSessions } from './live/repl-sessions.ts';
import type { Screenshots } from './live/screenshots.ts';
import type { Metrics } from './metrics.ts';
import type { ServerStore } from './store/store.ts';
import type { OnlineKey, OnlineRole } from './tuf/online-keys.ts';

/** Ports the server listens on. */
export interface Addresses {
  readonly operator: { readonly host: string; readonly port: number; readonly url: string };
  readonly device: { readonly host: string; readonly port: number; readonly url: string };
  readonly mqtt: { readonly host: string; readonly port: number; readonly url: string };
}

/** The server's parts, as the routes see them. What belongs to a fleet is reached through `fleets` only. */
export interface ServerContext {
  readonly configuration: ServerConfiguration;
  readonly version: string;
  readonly log: Logger;
  readonly store: ServerStore;
  readonly authority: Authority;
  readonly keys: Readonly<Record<OnlineRole, OnlineKey>>;
  readonly access: AccessTokens;
  readonly principals: Principals;
  readonly endings: Endings;
  readonly broker: Broker;
  readonly fleets: Fleets;
  readonly connections: DeviceConnections;
  /** Of the devices' surface. */
  readonly door: Door;
  readonly metrics: Metrics;
  readonly drain: Drain;
  readonly logs: LogHub;
  readonly repl: ReplSessions;
  readonly screenshots: Screenshots;
  /** @throws NodeosError INTERNAL before the server listens */
  readonly addresses: () => Addresses;
}
