import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { DEVICE_ROUTES, type DeviceReport } from '@nodeos/contracts/device-api.ts';
import { describeError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { ReplMessage, Tell } from '@nodeos/contracts/mqtt.ts';
import type { ScreenshotAnswer } from '@nodeos/contracts/screen.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { readActiveApps } from './active-apps.ts';
import { configurationFolder, storeConfigurations } from './apps/app-configuration.ts';
import type { StartInteractive } from './apps/interactive.ts';
import { delay } from './backoff.ts';
import { watchCertificate } from './certificate-renewal.ts';
import { claimCodeOf, type Screen } from './console-screen.ts';
import type { DevelopmentSession } from './development/session.ts';
import { enrol, renew } from './enrol.ts';
import type { EventQueue } from './event-queue.ts';
import { type Credentials, type Identity, loadCredentials, storeCredentials } from './identity.ts';
import { createLogStream } from './log-stream.ts';
import type { Logs } from './logs.ts';
import type { Network } from './network.ts';
import type { PATHS } from './paths.ts';
import type { InitChannel, Updater } from './ports.ts';
import { createRepl } from './repl.ts';
import type { DeviceHttp } from './transport/http.ts';
import { type Broker, connectBroker } from './transport/mqtt.ts';
import { openSession, type Session } from './transport/session.ts';

/** A server that refuses the certificate it gave is not asked for the next one at once. */
const REJECTED_WAIT_MS = 60_000;
/** In words for whoever stands in front of the device. */
const ENROLLING = {
  pending: 'waiting to be approved at the server',
  refused: 'not let in: the server refuses its claim token',
  unreachable: 'server not reachable; tries again',
} as const;

export interface FleetContext {
  readonly paths: typeof PATHS;
  readonly fleet: FleetFile;
  readonly identity: Identity;
  readonly system: SlotManifest;
  readonly network: Network;
  readonly startInteractive: StartInteractive;
  readonly development: DevelopmentSession;
  /** What sends messages of sessions to the server, while there is a connection. */
  readonly onPublisher: (publish: (message: ReplMessage) => void) => void;
  readonly takeScreenshot: () => Promise<ScreenshotAnswer>;
  readonly logs: Logs;
  readonly updater: Updater;
  readonly events: EventQueue;
  readonly screen: Screen;
  readonly init: InitChannel;
  readonly http: DeviceHttp;
  readonly log: (text: string) => void;
  readonly buildReport: () => Promise<DeviceReport>;
  readonly onSession: (session: Session | null) => void;
  readonly onOnline: () => void;
  /** The server was reached, or is no longer. */
  readonly onConnection: (reached: boolean) => void;
  /** See identify.ts. */
  readonly identifySelf: (seconds: number) => void;
  /** See reformat.ts. */
  readonly reformatData: () => Promise<void>;
}

/** Gets a certificate and keeps in touch with the server from then on; gives what to do before the end. */
export function serveFleet(context: FleetContext): () => Promise<void> {
  const { screen, log } = context;
  let broker: Broker | null = null;
  context.onPublisher((message) => broker?.publishRepl(message));

  async function serve(): Promise<void> {
    for (;;) {
      await context.network.firstAddress;
      const credentials = await obtainCredentials(context);
      const end = await connectUntilEnded(context, credentials, (opened) => {
        broker = opened;
      });
      if (end === 'renewed') continue;
      log('the server does not accept the certificate: enrolling again');
      screen.show({ state: 'certificate refused by the server' });
      await rm(`${context.paths.state}/identity/cert.pem`, { force: true });
      await delay(REJECTED_WAIT_MS);
    }
  }

  // An error here is none that was foreseen: it ends the process, and init starts it anew.
  void serve();
  return async () => {
    await broker?.close();
  };
}

async function obtainCredentials(context: FleetContext): Promise<Credentials> {
  const { fleet, identity, paths, system, http, screen, log } = context;
  http.identify(null);
  const stored = await loadCredentials(paths.state, identity, fleet.ca, Date.now());
  if (stored) return stored;
  let last = '';
  const certificate = await enrol({
    ...{ http, fleet, identity, board: system.board, systemVersion: system.version },
    onWaiting: (state, text) => {
      screen.show({ state: ENROLLING[state], claimCode: claimCodeOf(fleet.claimToken) });
      if (text !== last) log(`enrolment: ${text}`);
      last = text;
    },
  });
  const credentials = await storeCredentials(paths.state, identity, fleet.ca, certificate);
  screen.show({ state: 'let in; connecting', claimCode: null });
  const text = `as ${credentials.deviceId}, certificate ${new X509Certificate(certificate).serialNumber}`;
  context.events.add('enrolled', text);
  log(`enrolled ${text}`);
  return credentials;
}

/**
 * Resolves when the server refuses the certificate, or when there is a newer one; until then everything is tried again
 * for ever.
 */
function connectUntilEnded(
  context: FleetContext,
  credentials: Credentials,
  onBroker: (broker: Broker | null) => void,
): Promise<'refused' | 'renewed'> {
  const { fleet, identity, http, network, updater, events, screen, logs, log, paths } = context;
  const client = {
    certificate: credentials.certificate,
    key: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
  http.identify(client);
  return new Promise((resolve) => {
    let open = true;
    let broker: Broker | null = null;
    const session = openSession({
      ...{ http, updater, events, log, buildReport: context.buildReport },
      onConfigurations: (configurations) => storeConfigurations(configurationFolder(paths.state), configurations),
      onOnline() {
        connect();
        screen.show({ state: `online as ${credentials.deviceId}` });
        context.onConnection(true);
        log(`server reached at ${fleet.server}`);
        context.onOnline();
      },
      onOffline(reason) {
        screen.show({ state: 'server not reachable' });
        context.onConnection(false);
        log(`server not reachable: ${reason}`);
      },
      onRejected: () => end('refused'),
    });
    context.onSession(session);

    function end(why: 'refused' | 'renewed'): void {
      if (!open) return;
      open = false;
      stopRenewal();
      context.onSession(null);
      onBroker(null);
      session.close();
      void broker?.close();
      resolve(why);
    }
    const stopRenewal = watchCertificate({
      ...{ certificate: credentials.certificate, log },
      ask: () => renew({ http, fleet, identity, board: context.system.board, systemVersion: context.system.version }),
      async onRenewed(certificate) {
        await storeCredentials(paths.state, identity, fleet.ca, certificate);
        log(`certificate renewed: ${new X509Certificate(certificate).validTo}`);
        end('renewed');
      },
    });

    const stream = createLogStream(logs, (batch) => broker?.publishLogs(batch));
    const repl = createRepl({
      ...{ log, start: context.startInteractive, publish: (message) => broker?.publishRepl(message) },
      findApp: (name) => readActiveApps(paths.state).find((app) => app.manifest.name === name),
    });
    /** After the first answer, not before: at boot its library would only take the processor from the apps. */
    function connect(): void {
      broker ??= connectBroker({
        ...{ url: fleet.broker, deviceId: credentials.deviceId, identity: client, ca: fleet.ca, log },
        proxy: fleet.network?.proxy,
        onTell: (tell) => void obey(tell),
        onReplInput(message) {
          repl.input(message);
          context.development.input(message);
        },
        onConnected() {
          log('mqtt: connected');
          // What was told while the connection was down is lost: ask.
          session.poll();
        },
        onDisconnected(reason) {
          log(`mqtt: ${reason}`);
          stream.close();
          repl.close();
        },
      });
      onBroker(broker);
      broker.retryNow();
    }
    network.onChange(() => {
      if (!open) return;
      session.retryNow();
      session.reportSoon();
      broker?.retryNow();
    });

    async function sendScreenshot(request: string): Promise<void> {
      const json = await context.takeScreenshot();
      const answer = await http.request('POST', `${DEVICE_ROUTES.screenshots}/${request}`, { json });
      answer.body.resume();
    }

    async function obey(tell: Tell): Promise<void> {
      if (tell.kind === 'desired-changed') session.poll(tell.afterMs);
      if (tell.kind === 'report-now') session.reportSoon();
      if (tell.kind === 'identify') context.identifySelf(tell.seconds);
      if (tell.kind === 'logs') await stream.open(tell).catch((error) => log(describeError(error)));
      if (tell.kind === 'repl-open') await repl.open(tell.session, tell.app);
      if (tell.kind === 'development-open') context.development.open(tell.session, tell.app, tell.resume);
      if (tell.kind === 'screenshot')
        await sendScreenshot(tell.request).catch((error) => log(`screenshot: ${describeError(error)}`));
      if (tell.kind === 'reformat-data') {
        try {
          await context.reformatData();
          log('the data partition was made anew, asked for by the operator');
          context.init.send('reboot');
        } catch (error) {
          events.add('error', `the data partition was not made anew: ${describeError(error)}`);
        }
      }
      if (tell.kind === 'reboot') {
        log('reboot: asked for by the operator');
        await logs.flush();
        context.init.send('reboot');
      }
    }
  });
}
