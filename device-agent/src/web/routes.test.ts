import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerHeaders, requestHeaders } from './headers.ts';
import { findRoute, type WebApp } from './routes.ts';
import { decideWanted } from './wanted.ts';

const porch: WebApp = { user: 'porch', app: 'porch', port: 8080, description: '' };
const apps = new Map([['porch', porch]]);
const route = (host: string, target: string) => findRoute(host, target, apps, ['nodeos-1a2b', 'nodeos-1a2b-2']);
const toApp = (path: string, prefix: string) => ({ to: 'app', app: porch, path, prefix });

describe('findRoute', () => {
  for (const [name, host, target, expected] of [
    ['the first part of the path', 'nodeos-1a2b.local', '/porch/a/b?c=/d', toApp('/a/b?c=/d', '/porch')],
    ['an address', '10.0.0.7:80', '/porch/', toApp('/', '/porch')],
    ['no host at all', '', '/porch/', toApp('/', '/porch')],
    ['an address of IPv6', '[fe80::1]:80', '/porch/', toApp('/', '/porch')],
    ['a host name of its own', 'porch.nodeos-1a2b.local', '/porch/a', toApp('/porch/a', '')],
    ['the name that the device was given after a conflict', 'porch.nodeos-1a2b-2.local.', '/', toApp('/', '')],
    ['a name in capitals, with a port, in the domain of the site', 'PORCH.Nodeos-1A2B.lan:8080', '/', toApp('/', '')],
    ['the absolute form', 'ignored', 'http://porch.nodeos-1a2b.local?x', toApp('/?x', '')],
  ] as const) {
    it(`finds an app by ${name}`, () => assert.deepEqual(route(host, target), expected));
  }
  for (const [name, host, target, expected] of [
    ['shows the list of apps', 'nodeos-1a2b.local', '/?x', { to: 'index' }],
    ['adds the slash, and keeps the query', 'a.local', '/porch?x=1', { to: 'redirect', location: '/porch/?x=1' }],
    ['knows no other app', 'a.local', '/poach/', { to: 'nowhere', name: 'poach' }],
    ['knows no other host name', 'poach.nodeos-1a2b.local', '/porch/', { to: 'nowhere', name: 'poach' }],
    ['does not take an encoded name', 'a.local', '/%70orch/', { to: 'nowhere', name: '%70orch' }],
    ['leads to no other server by a path', 'a.local', '//porch/', { to: 'index' }],
    ['refuses what is no path', 'a.local', '*', { to: 'refusal' }],
  ] as const) {
    it(name, () => assert.deepEqual(route(host, target), expected));
  }
});

describe('headers', () => {
  const origin = { address: '10.0.0.9', host: 'a.local', protocol: 'http', prefix: '/porch' } as const;
  const said = ['X-Forwarded-For', '10.0.0.9', 'X-Forwarded-Host', 'a.local', 'X-Forwarded-Proto', 'http'];

  it('says where a request comes from, whatever the client claims', () => {
    const raw = ['Host', 'b', 'X-Forwarded-For', '1.2.3.4', 'x-real-ip', '1.2.3.4', 'Cookie', 'a', 'cookie', 'b'];
    assert.deepEqual(requestHeaders(raw, origin, null), [
      ...['Host', 'a.local', 'Cookie', 'a', 'cookie', 'b', ...said, 'X-Forwarded-Prefix', '/porch'],
    ]);
  });
  it('keeps what is meant for the next hop only, and the length of a body whatever a client says', () => {
    const raw = ['Connection', 'close, X-Hop, Content-Length', 'X-Hop', '1', 'TE', 'trailers', 'Content-Length', '3'];
    assert.deepEqual(requestHeaders(raw, { ...origin, prefix: '' }, null), [
      ...['Host', 'a.local', 'Content-Length', '3', ...said],
    ]);
  });
  it('asks the app for what the client wants to switch to', () => {
    assert.deepEqual(requestHeaders(['Upgrade', 'websocket'], { ...origin, prefix: '' }, 'websocket'), [
      ...['Host', 'a.local', ...said, 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
    ]);
  });
  it('keeps redirections within the app, and leaves those to elsewhere', () => {
    const raw = [
      'Location',
      '/login',
      'location',
      '//x/',
      'Location',
      'https://y/',
      'Location',
      'next',
      'Keep-Alive',
      '5',
    ];
    assert.deepEqual(answerHeaders(raw, '/porch'), [
      ...['Location', '/porch/login', 'location', '//x/', 'Location', 'https://y/', 'Location', 'next'],
    ]);
  });
});

describe('decideWanted', () => {
  const app = (name: string, settings: object) => ({
    name,
    description: '',
    ports: [8080],
    network: 'host',
    ...settings,
  });
  const decide = (...manifests: object[]) => decideWanted(manifests as never, { http: 80, https: 443 });

  it('opens nothing where no app asks for it', () => {
    const { web, forwards, proxy, conflicts } = decide(app('a', {}), app('b', { network: 'none' }));
    assert.deepEqual([web.size, forwards.size, proxy, conflicts], [0, 0, { http: null, https: null }, []]);
  });
  it('shows apps by user, in the order of their names', () => {
    const { web, proxy } = decide(app('b', { web: true, user: 'x' }), app('a', { web: true, ports: [1, 2] }));
    assert.deepEqual(
      [...web.values()].map(({ user, port }) => [user, port]),
      [
        ['a', 1],
        ['x', 8080],
      ],
    );
    assert.deepEqual(proxy, { http: 80, https: 443 });
  });
  it('leads into a network of an app’s own, whose ports are not the device’s', () => {
    const found = decide(
      app('a', { network: 'none', ports: [80] }),
      app('b', { network: 'none', ports: [80], web: true, forward: { 81: 80 } }),
    );
    assert.deepEqual([...found.forwards], [[81, { app: 'b', port: 80 }]]);
    assert.deepEqual(
      [found.web.get('b')?.app, found.web.get('b')?.port, found.proxy.http, found.conflicts],
      ['b', 80, 80, []],
    );
  });
  it('gives a port to the app that listens on it, then to the first by name, then to the proxy', () => {
    const found = decide(
      app('c', { forward: { 443: 8080, 5000: 8080 } }),
      app('b', { forward: { 443: 9090 } }),
      app('a', { web: true, ports: [5000] }),
    );
    assert.deepEqual([...found.forwards], [[443, { app: 'b', port: 9090 }]]);
    assert.deepEqual(found.proxy, { http: 80, https: null });
    assert.deepEqual(found.conflicts, [
      'port 443 is not opened for c: b has it',
      'port 5000 is not opened for c: a has it',
      'the device does not show its apps on port 443: b has it',
    ]);
  });
});
