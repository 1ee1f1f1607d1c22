import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ROLE_SCOPES, ROLES, type Role } from '@nodeos/contracts/access.ts';
import { makePublisher } from '../../testing/publish.ts';
import { appTarget } from '../../testing/release-keys.ts';
import { type RunningServer, runServer } from '../../testing/running-server.ts';
import { ROUTE_RULES } from './rules/rules.ts';

const PAGE = new URL('../../../../docs/security.md', import.meta.url);
const [BEGIN, END] = ['<!-- routes: printed by a test -->', '<!-- /routes -->'];
const PASSWORD = 'correct horse battery';

const ROUTES = Object.entries(ROUTE_RULES).map(([key, rule]) => {
  const [method, path] = key.split(' ') as [string, string];
  return { key, method, path, rule };
});
type Route = (typeof ROUTES)[number];

/** Adds a user with a role in a fleet and signs in; gives the cookie. */
async function person(running: RunningServer, fleet: string, name: string, role: Role): Promise<string> {
  const added = await running.operator(
    'POST',
    '/api/v1/users',
    { name, password: PASSWORD, role },
    { 'nodeos-fleet': fleet },
  );
  assert.equal(added.status, 200, added.text);
  const answer = await running.server.app.inject({
    method: 'POST',
    url: '/api/v1/session',
    payload: { name, password: PASSWORD },
  });
  assert.equal(answer.statusCode, 204, answer.body);
  return String(answer.headers['set-cookie']).split(';')[0] as string;
}

/** Status and coded error of one request; a stream is left after its head. */
async function ask(
  running: RunningServer,
  { method }: Pick<Route, 'method'>,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<{ status: number; code: string | null }> {
  const leave = new AbortController();
  const answer = await fetch(`${running.server.addresses.operator.url}${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: leave.signal,
  });
  const coded = answer.status >= 400 && method !== 'HEAD';
  const code = coded ? ((await answer.json()) as { error: { code: string } }).error.code : null;
  leave.abort();
  return { status: answer.status, code };
}

/** All that the main fleet has, as its administrator sees it. */
async function contentOf(running: RunningServer): Promise<unknown> {
  const get = async (path: string): Promise<unknown> => (await running.operator('GET', path)).json;
  const paths = [
    'devices',
    'claim-tokens',
    'deployments',
    'releases',
    'users',
    'tokens',
    'registrations',
    'webhooks',
    'tuf/root.json',
    'groups',
    'configurations',
  ];
  const known = paths.filter((path) =>
    running.server.app.hasRoute({ method: 'GET', url: `/api/v1/${path.replace('root.json', ':file')}` }),
  );
  const content = await Promise.all(known.map((path) => get(`/api/v1/${path}`)));
  return JSON.parse(JSON.stringify(content), (key, value) =>
    key === 'lastUsed' || key === 'lastSeen' ? undefined : value,
  );
}

test('every route: each role may do what the table says, nobody reaches another fleet, and the table is printed', async (context) => {
  const running = await runServer(context);
  const registered = ROUTES.filter(({ method, path }) =>
    running.server.app.hasRoute({ method: method as 'GET', url: path }),
  );
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  const cookies = new Map<Role, string>();
  for (const role of ROLES) cookies.set(role, await person(running, 'main', `main-${role}`, role));
  const stranger = { cookie: await person(running, 'north', 'north-admin', 'admin') };

  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const deployment = (
    await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } })
  ).json.id;
  const token = (await running.operator('POST', '/api/v1/tokens', { name: 'ci', scopes: ['read'], expiresAt: null }))
    .json.id;
  await running.operator('PUT', '/api/v1/registrations', 'serial\nmain-viewer\n', { 'content-type': 'text/csv' });
  const claimToken = (await running.operator('GET', '/api/v1/claim-tokens')).json.claimTokens[0].id;
  const url = 'http://127.0.0.1:1/';
  const webhook = (await running.operator('POST', '/api/v1/webhooks', { url, topics: ['device'] })).json.id;
  const session = (
    await ask(running, { method: 'GET' }, '/api/v1/me/sessions', { cookie: cookies.get('admin') as string })
  ).status;
  assert.equal(session, 200);

  /** A path of the main fleet, and a body that would change it. */
  const mains = ({ path }: Route): string =>
    path
      .replace('devices/:id', `devices/${device.id}`)
      .replace('deployments/:id', `deployments/${deployment}`)
      .replace('claim-tokens/:id', `claim-tokens/${claimToken}`)
      .replace('tokens/:id', `tokens/${token}`)
      .replace('webhooks/:id', `webhooks/${webhook}`)
      .replace(':sha256', createHash('sha256').update('the bundle').digest('hex'))
      .replace(':file', 'root.json')
      .replace(/:(name|id|app|session|serial)/, 'main-viewer');
  const BODIES: Readonly<Record<string, unknown>> = {
    'POST /api/v1/devices/actions': { action: { kind: 'revoke' }, to: { devices: [device.id] } },
    'POST /api/v1/devices/:id/replace': { old: device.id },
    'PUT /api/v1/devices/:id/tags': { tags: ['stolen'] },
    'PUT /api/v1/devices/:id/pins': { pins: {} },
    'PUT /api/v1/groups/:name': { query: null, devices: [device.id], window: null },
    'POST /api/v1/configurations/:app': { to: { device: device.id }, set: { stolen: true } },
    'POST /api/v1/devices/:id/repl': { app: null },
    'POST /api/v1/devices/:id/repl/:session': { data: '', end: false },
    'POST /api/v1/devices/:id/development': { app: 'hello' },
    'POST /api/v1/devices/:id/development/:session': { data: '', end: false },
    'POST /api/v1/deployments': { target: target.path, to: { device: device.id } },
    'PUT /api/v1/users/:name/role': { role: 'admin' },
    'PUT /api/v1/users/:name/password': { password: 'a new password' },
    'PUT /api/v1/session': { fleet: 'main' },
  };

  const before = await contentOf(running);
  const rows: string[] = [];
  for (const route of registered) {
    const { key, method, path, rule } = route;
    const nowhere = path.replace(/:\w+/g, 'none');
    const anonymous = await ask(running, route, nowhere, {});
    if (rule.scope === 'public') {
      assert.notEqual(anonymous.status, 403, key);
      rows.push(`| ${key.replace(' ', ' `')}\` | everybody |${' yes |'.repeat(ROLES.length)} own session |`);
      continue;
    }
    assert.equal(anonymous.status, 401, `${key} without a token`);
    const cells: string[] = [];
    for (const role of ROLES) {
      const answer = await ask(running, route, nowhere, { cookie: cookies.get(role) as string });
      const may = answer.status !== 403;
      const should: boolean = rule.scope === null || ROLE_SCOPES[role].includes(rule.scope);
      assert.equal(may, should, `${key} as ${role}: ${answer.status} ${answer.code}`);
      cells.push(may ? 'yes' : '—');
    }

    const named = await ask(running, route, mains(route), { ...stranger, 'nodeos-fleet': 'main' }, BODIES[key]);
    assert.equal(named.status, 404, `${key} by a stranger who names the fleet`);
    let foreign = 'sees its own fleet only';
    const aims = path.includes(':') || BODIES[key] !== undefined;
    if (aims) {
      const answer = await ask(
        running,
        route,
        mains(route),
        stranger,
        BODIES[key] ?? (method === 'GET' || method === 'HEAD' ? undefined : {}),
      );
      // Octets are named by their hash: other ones than promised are refused for anybody.
      const expected = key.startsWith('PUT /api/v1/blobs') ? 422 : rule.scope === 'server' ? 403 : 404;
      assert.equal(answer.status, expected, `${key} by a stranger with the ids of the main fleet: ${answer.code}`);
      foreign = String(answer.status);
    } else if (rule.scope === 'server') foreign = '403';
    rows.push(`| ${key.replace(' ', ' `')}\` | ${rule.scope ?? 'signed in'} | ${cells.join(' | ')} | ${foreign} |`);
  }
  assert.deepEqual(await contentOf(running), before, 'nothing of the main fleet has changed');

  const table = [
    `| route | right | ${ROLES.join(' | ')} | administrator of another fleet |`,
    `|---|---|${'---|'.repeat(ROLES.length)}---|`,
    ...rows,
  ].join('\n');
  const page = await readFile(PAGE, 'utf8');
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  assert.ok(start > 0 && end > start, 'docs/security.md has the two marks');
  if (process.env.NODEOS_WRITE_DOCS)
    await writeFile(PAGE, `${page.slice(0, start)}${BEGIN}\n${table}\n${page.slice(end)}`);
  else assert.equal(page.slice(start + BEGIN.length, end).trim(), table, 'print it anew with NODEOS_WRITE_DOCS=1');
});
