import { request as httpsRequest } from 'node:https';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import { type DeviceKey, makeDeviceKey, makeRequest, privatePem } from './device-identity.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly json: any;
}

export interface DeviceIdentity {
  readonly id: string;
  readonly key: DeviceKey;
  readonly keyPem: string;
  readonly certificate: string;
}

export type AskOperator = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;
export type AskAsDevice = (
  identity: DeviceIdentity | null,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;
export type MakeClaimToken = (change?: Partial<ClaimToken>) => Promise<string>;

/** The operator API at an address. */
export function operatorOf(url: string, token: string): AskOperator {
  return async (method, path, body, headers = {}) => {
    const octets = body instanceof Uint8Array || typeof body === 'string';
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined || octets ? {} : { 'content-type': 'application/json' }),
        ...(octets ? { 'content-type': 'application/octet-stream' } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : octets ? (body as RequestInit['body']) : JSON.stringify(body),
    });
    return asAnswer(answer.status, Object.fromEntries(answer.headers), await answer.text());
  };
}

/** The devices' API at an address, each request on a connection of its own. */
export function deviceOf(url: string, ca: string): AskAsDevice {
  return (identity, method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const request = httpsRequest(
        `${url}${path}`,
        {
          method,
          ca,
          agent: false,
          ...(identity === null ? {} : { key: identity.keyPem, cert: identity.certificate }),
          headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('error', reject);
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve(asAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString())),
          );
        },
      );
      request.on('error', reject);
      request.end(text);
    });
}

export function claimTokenOf(operator: AskOperator): MakeClaimToken {
  return async (change = {}) => {
    const wanted = { uses: null, expiresAt: null, tags: [], autoApprove: true, ...change };
    return (await operator('POST', '/api/v1/claim-tokens', wanted)).json.token;
  };
}

export function enrolledDeviceOf(device: AskAsDevice, claimToken: MakeClaimToken) {
  return async (tags: string[] = [], serial = 'S-1'): Promise<DeviceIdentity> => {
    const key = await makeDeviceKey();
    const answer = await device(null, 'POST', '/device/v1/enrol', {
      ...enrolment(await makeRequest(key), await claimToken({ tags })),
      serial,
    });
    return { id: answer.json.deviceId, key, keyPem: privatePem(key), certificate: answer.json.certificate };
  };
}

export function enrolment(csr: string, claimToken: string): Record<string, string> {
  return { csr, claimToken, serial: 'S-1', board: 'x86_64-usb', systemVersion: '1.0.0' };
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
