import type { Server, Socket } from 'node:net';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import { WEB_LIMITS, type WebLimits } from '@nodeos/contracts/limits.ts';
import type { ConnectByName } from '../apps/app-network.ts';
import type { WebCertificate } from './proxy.ts';
import type { WebApp } from './routes.ts';
import { type AppPort, decideWanted, type ProxyPorts, type Wanted } from './wanted.ts';

export interface DoorsOptions {
  /** Of the apps that are installed now. */
  readonly manifests: () => readonly AppManifest[];
  /** Opens a connection to a port of an app. */
  readonly connect: ConnectByName;
  /** What the device is called, without a domain; the first is shown. */
  readonly deviceNames: () => readonly string[];
  readonly certificate: WebCertificate | null;
  readonly ports: ProxyPorts;
  readonly log: (text: string) => void;
  /** What the operator should hear of, one sentence. */
  readonly onTrouble: (text: string) => void;
  readonly limits?: Partial<WebLimits>;
  /** A port was opened. */
  readonly onChange?: () => void;
  /** Nobody has been connected for a while after somebody was. */
  readonly onQuiet?: () => void;
}
/** The ports that the device has open for its apps. */
export interface Doors {
  /** The apps may be others now. */
  update(): void;
  /** Those that have a place at the device's address. */
  users(): readonly string[];
  /** Ports of the proxy that are open now. */
  open(): { readonly http: number | null; readonly https: number | null };
  close(): void;
}

/** What one port leads to: `http`, `https`, or a port of an app. */
type Purpose = 'http' | 'https' | AppPort;
interface Door {
  readonly purpose: Purpose;
  server: Server | null;
  isOpen: boolean;
  retry: NodeJS.Timeout | null;
}

/** Opens what apps ask for, and closes it when none asks any more. Nothing listens, nor is it loaded, before that. */
export function createDoors(options: DoorsOptions): Doors {
  const doors = new Map<number, Door>();
  const told = new Set<string>();
  let connections = 0;
  let quiet: NodeJS.Timeout | null = null;
  let web: ReadonlyMap<string, WebApp> = new Map();

  function tellOnce(text: string): void {
    if (told.has(text)) return;
    told.add(text);
    options.onTrouble(text);
  }

  function watchConnections(server: Server): void {
    const { quietMs } = { ...WEB_LIMITS, ...options.limits };
    server.on('connection', (socket: Socket) => {
      connections++;
      if (quiet) clearTimeout(quiet);
      socket.on('close', () => {
        if (--connections === 0) quiet = setTimeout(() => options.onQuiet?.(), quietMs).unref();
      });
    });
  }

  async function createServer(purpose: Purpose): Promise<Server> {
    if (typeof purpose === 'object') {
      const { app, port } = purpose;
      return (await import('./forward.ts')).createForward(() => options.connect(app, port, { allowHalfOpen: true }));
    }
    const { createProxy } = await import('./proxy.ts');
    const { deviceNames, certificate, connect, limits = {} } = options;
    return createProxy({ apps: () => web, deviceNames, connect, limits }, purpose === 'https' ? certificate : null);
  }

  async function open(port: number, door: Door): Promise<void> {
    const isWanted = () => doors.get(port) === door;
    try {
      const server = await createServer(door.purpose);
      if (!isWanted()) return;
      door.server = server;
      watchConnections(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));
      server.on('error', (error) => options.log(`port ${port}: ${error.message}`));
      if (!isWanted()) return void server.close();
      door.isOpen = true;
      told.delete(inUse(port));
      options.log(
        `port ${port} is open: ${typeof door.purpose === 'object' ? `port ${door.purpose.port} of ${door.purpose.app}` : 'the apps'}`,
      );
      options.onChange?.();
    } catch (error) {
      if (!isWanted()) return;
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && door.purpose === 'https') return tellOnce(noCertificate(error as Error));
      tellOnce(code === 'EADDRINUSE' ? inUse(port) : `port ${port}: ${(error as Error).message}`);
      const { listenRetryMs } = { ...WEB_LIMITS, ...options.limits };
      door.retry = setTimeout(() => void open(port, door), listenRetryMs).unref();
    }
  }

  function shut(port: number, door: Door): void {
    doors.delete(port);
    if (door.retry) clearTimeout(door.retry);
    if (!door.server) return;
    if (door.isOpen) door.server.close();
    (door.server as Partial<{ closeAllConnections(): void }>).closeAllConnections?.();
  }

  return {
    update() {
      const wanted = decideWanted(options.manifests(), options.ports);
      web = wanted.web;
      for (const text of wanted.conflicts) tellOnce(`${new NodeosError('PORT_IN_USE', text).code}: ${text}`);
      const purposes = purposesOf(wanted);
      for (const [port, door] of doors) if (!isSame(purposes.get(port), door.purpose)) shut(port, door);
      for (const [port, purpose] of purposes) {
        if (doors.has(port)) continue;
        const door: Door = { purpose, server: null, isOpen: false, retry: null };
        doors.set(port, door);
        void open(port, door);
      }
    },
    users: () => [...web.keys()],
    open() {
      const port = (purpose: Purpose) =>
        [...doors].find(([, door]) => door.isOpen && door.purpose === purpose)?.[0] ?? null;
      return { http: port('http'), https: port('https') };
    },
    close() {
      if (quiet) clearTimeout(quiet);
      for (const [port, door] of [...doors]) shut(port, door);
    },
  };
}

function isSame(one: Purpose | undefined, other: Purpose): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  return one.app === other.app && one.port === other.port;
}

function purposesOf({ forwards, proxy }: Wanted): ReadonlyMap<number, Purpose> {
  const purposes = new Map<number, Purpose>(forwards);
  if (proxy.http !== null) purposes.set(proxy.http, 'http');
  if (proxy.https !== null) purposes.set(proxy.https, 'https');
  return purposes;
}

function inUse(port: number): string {
  return describeError(new NodeosError('PORT_IN_USE', `port ${port} of the device belongs to another program`));
}

function noCertificate(error: Error): string {
  return describeError(new NodeosError('FLEET_FILE_INVALID', `web.certificate and web.key: ${error.message}`));
}
