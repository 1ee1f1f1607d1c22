import type {
  ApiToken,
  ApiTokenRequest,
  Identity,
  NewApiToken,
  Role,
  SessionInfo,
  User,
  UserRequest,
} from '@nodeos/contracts/access.ts';
import type { AuditPage } from '@nodeos/contracts/audit.ts';
import type {
  DeviceActionAnswer,
  DeviceActionRequest,
  DevicePageRequest,
  FleetOverview,
} from '@nodeos/contracts/device-list.ts';
import type { MetricsAnswer } from '@nodeos/contracts/metrics.ts';
import type {
  ClaimTokenRequest,
  Deployment,
  DeploymentPage,
  DeploymentPlan,
  DeploymentRequest,
  DeviceDetail,
  DeviceSummary,
  ErrorBody,
  Group,
  GroupDetail,
  GroupRequest,
  ListedClaimToken,
  Pins,
  Release,
  ServerInfo,
} from '@nodeos/contracts/operator-api.ts';
import type { Registration } from '@nodeos/contracts/provisioning.ts';
import type { NewWebhook, Webhook, WebhookDelivery, WebhookRequest } from '@nodeos/contracts/webhooks.ts';

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
      headers: body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'text/csv' : 'application/json' },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
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

/** Without what is not given. */
function asQuery(wanted: object): URLSearchParams {
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}

const dataUrl = (blob: Blob): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

const at = (id: string): string => encodeURIComponent(id);

export const api = {
  session: () => read<{ signedIn: boolean; passwords: boolean }>('GET', '/session'),
  login: (shown: { token: string } | { name: string; password: string }) => call('POST', '/session', shown),
  logout: () => call('DELETE', '/session'),
  me: () => read<Identity>('GET', '/me'),
  chooseFleet: (fleet: string) => call('PUT', '/session', { fleet }),
  sessions: async () => (await read<{ sessions: SessionInfo[] }>('GET', '/me/sessions')).sessions,
  endSession: (id: string) => call('DELETE', `/me/sessions/${at(id)}`),
  changePassword: (current: string, next: string) => call('PUT', '/me/password', { current, next }),
  users: async () => (await read<{ users: User[] }>('GET', '/users')).users,
  addUser: (user: UserRequest) => read<User>('POST', '/users', user),
  setRole: (name: string, role: Role) => read<User>('PUT', `/users/${at(name)}/role`, { role }),
  setPassword: (name: string, password: string) => call('PUT', `/users/${at(name)}/password`, { password }),
  removeUser: (name: string) => call('DELETE', `/users/${at(name)}`),
  tokens: async () => (await read<{ tokens: ApiToken[] }>('GET', '/tokens')).tokens,
  addToken: (token: ApiTokenRequest) => read<NewApiToken>('POST', '/tokens', token),
  revokeToken: (id: string) => call('DELETE', `/tokens/${at(id)}`),
  audit: ({ limit, before, actor }: { limit: number; before: number | null; actor: string }) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before !== null) query.set('before', String(before));
    if (actor !== '') query.set('actor', actor);
    return read<AuditPage>('GET', `/audit?${query}`);
  },
  checkAudit: () => read<{ entries: number; fault: string | null }>('GET', '/audit/check'),
  claimTokens: async () => (await read<{ claimTokens: ListedClaimToken[] }>('GET', '/claim-tokens')).claimTokens,
  addClaimToken: (token: ClaimTokenRequest) => read<ListedClaimToken>('POST', '/claim-tokens', token),
  endClaimToken: (id: string) => call('DELETE', `/claim-tokens/${at(id)}`),
  registrations: async () => (await read<{ registrations: Registration[] }>('GET', '/registrations')).registrations,
  register: (csv: string) => read<{ added: number; changed: number }>('PUT', '/registrations', csv),
  unregister: (serial: string) => call('DELETE', `/registrations/${at(serial)}`),
  server: () => read<ServerInfo>('GET', '/server'),
  overview: () => read<FleetOverview>('GET', '/overview'),
  devices: (wanted: Partial<DevicePageRequest>) =>
    read<{ devices: DeviceSummary[]; total: number }>('GET', `/devices?${asQuery(wanted)}`),
  actOnDevices: (request: DeviceActionRequest) => read<DeviceActionAnswer>('POST', '/devices/actions', request),
  device: (id: string) => read<DeviceDetail>('GET', `/devices/${at(id)}`),
  approve: (id: string) => read<DeviceSummary>('POST', `/devices/${at(id)}/approve`, {}),
  revoke: (id: string) => read<DeviceSummary>('POST', `/devices/${at(id)}/revoke`, {}),
  removeDevice: (id: string) => call('DELETE', `/devices/${at(id)}`),
  /** A data URL: pages of this server take pictures from nowhere else. */
  screenshot: async (id: string) => dataUrl(await (await call('GET', `/devices/${at(id)}/screenshot`)).blob()),
  reboot: (id: string) => call('POST', `/devices/${at(id)}/reboot`, {}),
  setTags: (id: string, tags: string[]) => read<DeviceSummary>('PUT', `/devices/${at(id)}/tags`, { tags }),
  deployments: async (page: DeploymentPage) =>
    (await read<{ deployments: Deployment[] }>('GET', `/deployments?${asQuery(page)}`)).deployments,
  deploy: (target: string, to: Deployment['to'], rollout: DeploymentRequest['rollout']) =>
    read<Deployment>('POST', '/deployments', { target, to, rollout }),
  plan: (target: string, to: Deployment['to'], rollout: DeploymentRequest['rollout']) =>
    read<DeploymentPlan>('POST', '/deployments/plan', { target, to, rollout }),
  abort: (id: string) => read<Deployment>('POST', `/deployments/${at(id)}/abort`, {}),
  turnBack: (id: string) => read<Deployment>('POST', `/deployments/${at(id)}/abort`, { turnBack: true }),
  steer: (id: string, verb: 'pause' | 'resume' | 'approve') =>
    read<Deployment>('POST', `/deployments/${at(id)}/${verb}`, {}),
  groups: async () => (await read<{ groups: Group[] }>('GET', '/groups')).groups,
  releases: async () => (await read<{ releases: Release[] }>('GET', '/releases')).releases,
  metrics: async (id: string) => (await read<MetricsAnswer>('GET', `/devices/${at(id)}/metrics`)).samples,
  identify: (id: string) => call('POST', `/devices/${at(id)}/identify`, {}),
  /** An event stream `log`. */
  logPath: (id: string, source: string | null) => logPath(id, source, { follow: '1', backlog: '100' }),
  /** The browser keeps to itself why an event stream was refused: what the server says when asked plainly. */
  whyNoLog: (id: string, source: string | null): Promise<ApiError> =>
    call('GET', logPath(id, source, { backlog: '0' }).replace('/api/v1', '')).then(
      async (answer) => {
        await answer.body?.cancel();
        return new ApiError('INTERNAL', 'The stream of lines broke.', 'Follow again.');
      },
      (cause: ApiError) => cause,
    ),
  openConsole: (id: string, app: string | null) =>
    read<{ session: string }>('POST', `/devices/${at(id)}/repl`, { app }),
  /** An event stream `repl`. */
  consolePath: (id: string, session: string) => `/api/v1/devices/${at(id)}/repl/${at(session)}`,
  typeIntoConsole: (id: string, session: string, data: string) =>
    call('POST', `/devices/${at(id)}/repl/${at(session)}`, { data, end: false }),
  /** Goes out even where the page is being left. */
  endConsole: (id: string, session: string) => {
    const body = new Blob([JSON.stringify({ data: '', end: true })], { type: 'application/json' });
    navigator.sendBeacon(`/api/v1/devices/${at(id)}/repl/${at(session)}`, body);
  },
  group: (name: string) => read<GroupDetail>('GET', `/groups/${at(name)}`),
  setGroup: (name: string, group: GroupRequest) => read<Group>('PUT', `/groups/${at(name)}`, group),
  removeGroup: (name: string) => call('DELETE', `/groups/${at(name)}`),
  webhooks: async () => (await read<{ webhooks: Webhook[] }>('GET', '/webhooks')).webhooks,
  addWebhook: (webhook: WebhookRequest) => read<NewWebhook>('POST', '/webhooks', webhook),
  removeWebhook: (id: string) => call('DELETE', `/webhooks/${at(id)}`),
  testWebhook: (id: string) => call('POST', `/webhooks/${at(id)}/test`, {}),
  deliveries: async (id: string) =>
    (await read<{ deliveries: WebhookDelivery[] }>('GET', `/webhooks/${at(id)}/deliveries`)).deliveries,
  setPins: (id: string, pins: Pins) => read<DeviceSummary>('PUT', `/devices/${at(id)}/pins`, { pins }),
};

function logPath(id: string, source: string | null, words: Record<string, string>): string {
  const query = new URLSearchParams(source === null ? words : { ...words, app: source });
  return `/api/v1/devices/${at(id)}/logs?${query}`;
}
