import { request as httpsRequest } from 'node:https';
import type { TestContext } from 'node:test';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { ServerOptions } from '../configuration.ts';
import { createServer, type NodeosServer } from '../server.ts';
import { type DeviceKey, makeDeviceKey, makeRequest, privatePem } from './device-identity.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly json: any;
}

export interface RunningServer {
  readonly server: NodeosServer;
  readonly dataDir: string;
  readonly ca: string;
  operator(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  device(
    identity: DeviceIdentity | null,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** A new device, enrolled by a token that approves. */
  enrolledDevice(tags?: string[], serial?: string): Promise<DeviceIdentity>;
  claimToken(change?: Partial<ClaimToken>): Promise<string>;
}
export interface DeviceIdentity {
  readonly id: string;
  readonly key: DeviceKey;
  readonly keyPem: string;
  readonly certificate: string;
}

/** A server on free loopback ports, closed when the test has ended. */
export async function runServer(
  context: TestContext,
  dataDir?: string,
  dashboard = false,
  options: Pick<ServerOptions, 'store' | 'broker' | 'deviceBroker'> = {},
): Promise<RunningServer> {
  const folder = dataDir ?? (await temporaryFolder(context));
  const server = await createServer({
    dataDir: folder,
    operator: { port: 0 },
    device: { port: 0 },
    mqtt: { port: 0 },
    advertise: ['127.0.0.1'],
    dashboard,
    ...options,
  });
  context.after(() => server.close());
  await server.start();

  const operator: RunningServer['operator'] = async (method, path, body, headers = {}) => {
    const octets = body instanceof Uint8Array || typeof body === 'string';
    const answer = await fetch(`${server.addresses.operator.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${server.operatorToken}`,
        ...(body === undefined || octets ? {} : { 'content-type': 'application/json' }),
        ...(octets ? { 'content-type': 'application/octet-stream' } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : octets ? (body as RequestInit['body']) : JSON.stringify(body),
    });
    return asAnswer(answer.status, Object.fromEntries(answer.headers), await answer.text());
  };
  const ca = (await operator('GET', '/api/v1/server')).json.ca as string;
  const device: RunningServer['device'] = (identity, method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const request = httpsRequest(
        `${server.addresses.device.url}${path}`,
        {
          method,
          ca,
          agent: false,
          ...(identity === null ? {} : { key: identity.keyPem, cert: identity.certificate }),
          headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve(asAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString())),
          );
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  const claimToken: RunningServer['claimToken'] = async (change = {}) => {
    const wanted = { uses: null, expiresAt: null, tags: [], autoApprove: true, ...change };
    return (await operator('POST', '/api/v1/claim-tokens', wanted)).json.token;
  };

  return {
    server,
    dataDir: folder,
    ca,
    operator,
    device,
    claimToken,
    async enrolledDevice(tags = [], serial = 'S-1') {
      const key = await makeDeviceKey();
      const answer = await device(null, 'POST', '/device/v1/enrol', {
        ...enrolment(await makeRequest(key), await claimToken({ tags })),
        serial,
      });
      return { id: answer.json.deviceId, key, keyPem: privatePem(key), certificate: answer.json.certificate };
    },
  };
}

export function enrolment(csr: string, claimToken: string): Record<string, string> {
  return { csr, claimToken, serial: 'S-1', board: 'x86_64-usb', systemVersion: '1.0.0' };
}

export function deviceReport(change: Partial<DeviceReport> = {}): DeviceReport {
  return {
    format: 1,
    board: 'x86_64-usb',
    system: { version: '1.0.0', slot: 'a', trial: false },
    bootId: 'b5c8a1de',
    uptimeSeconds: 12,
    dataStore: 'disk',
    generation: null,
    apps: {},
    updates: [],
    memory: { totalKiB: 196_608, availableKiB: 98_304, agentRssKiB: 61_440 },
    addresses: ['10.0.2.15'],
    bootTimes: { init: 900, agent: 2100, online: 3300 },
    ...change,
  };
}

function asAnswer(status: number, headers: Answer['headers'], text: string): Answer {
  return {
    status,
    headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}
