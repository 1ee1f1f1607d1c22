import type {
  Deployment,
  DeviceDetail,
  DeviceSummary,
  ErrorBody,
  Release,
  ServerInfo,
} from '@nodeos/contracts/operator-api.ts';

/** An error body of the server, or a lost connection. */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError('SERVER_UNREACHABLE', 'The server does not answer.', 'Check that it runs, then try again.');
  }
  if (answer.ok) return answer;
  const { error } = (await answer.json().catch(() => ({ error: null }))) as Partial<ErrorBody>;
  throw new ApiError(error?.code ?? 'INTERNAL', error?.message ?? `HTTP ${answer.status}`, error?.hint ?? '');
}

async function read<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await call(method, path, body)).json() as Promise<T>;
}

const at = (id: string): string => encodeURIComponent(id);

export const api = {
  login: (token: string) => call('POST', '/session', { token }),
  logout: () => call('DELETE', '/session'),
  server: () => read<ServerInfo>('GET', '/server'),
  devices: async () => (await read<{ devices: DeviceSummary[] }>('GET', '/devices')).devices,
  device: (id: string) => read<DeviceDetail>('GET', `/devices/${at(id)}`),
  approve: (id: string) => read<DeviceSummary>('POST', `/devices/${at(id)}/approve`, {}),
  revoke: (id: string) => read<DeviceSummary>('POST', `/devices/${at(id)}/revoke`, {}),
  reboot: (id: string) => call('POST', `/devices/${at(id)}/reboot`, {}),
  setTags: (id: string, tags: string[]) => read<DeviceSummary>('PUT', `/devices/${at(id)}/tags`, { tags }),
  deployments: async () => (await read<{ deployments: Deployment[] }>('GET', '/deployments')).deployments,
  deploy: (target: string, to: Deployment['to']) => read<Deployment>('POST', '/deployments', { target, to }),
  abort: (id: string) => read<Deployment>('POST', `/deployments/${at(id)}/abort`, {}),
  releases: async () => (await read<{ releases: Release[] }>('GET', '/releases')).releases,
};
