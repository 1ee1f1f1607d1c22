import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { WebSocket, WebSocketServer } from 'ws';
import { connectOutside } from '../apps/app-network.ts';
import { createProxy, type WebCertificate } from './proxy.ts';

const curl = async (...args: string[]) =>
  (await promisify(execFile)('curl', ['-sS', '--max-time', '20', ...args])).stdout;

async function listen(t: TestContext, server: NetServer): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    (server as Partial<Server>).closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

const CONNECT = (_app: string, port: number) => connectOutside(port);

/** A proxy with one app `porch`. */
async function start(
  t: TestContext,
  app: RequestListener | number,
  options: object = {},
  tls: WebCertificate | null = null,
) {
  const inside = typeof app === 'number' ? app : await listen(t, createServer(app));
  const apps = new Map([['porch', { user: 'porch', app: 'porch', port: inside, description: 'Light & <shade>' }]]);
  const proxy = await createProxy({ apps: () => apps, deviceNames: () => ['pi'], connect: CONNECT, ...options }, tls);
  return { port: await listen(t, proxy), proxy, inside };
}

/** Sends octets as they are, gives all that comes back. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(text);
  const chunks = (await socket.toArray()) as Buffer[];
  return Buffer.concat(chunks).toString();
}

describe('createProxy', () => {
  it('hands requests to the app, by path and by host name, and says where they come from', async (t) => {
    const { port } = await start(t, (incoming, answer) => {
      const { host, ...headers } = incoming.headers;
      const forwarded = Object.entries(headers).filter(([name]) => name.startsWith('x-forwarded'));
      answer.end(JSON.stringify([incoming.method, incoming.url, host, Object.fromEntries(forwarded)]));
    });
    const from = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' };
    const byPath = await curl(`http://127.0.0.1:${port}/porch/a?b`, '-H', 'X-Forwarded-For: 1.2.3.4');
    assert.deepEqual(JSON.parse(byPath), [
      ...['GET', '/a?b', `127.0.0.1:${port}`],
      { ...from, 'x-forwarded-host': `127.0.0.1:${port}`, 'x-forwarded-prefix': '/porch' },
    ]);
    const byHost = await curl(`http://127.0.0.1:${port}/porch/a`, '-H', 'Host: porch.pi.local', '-X', 'DELETE');
    assert.deepEqual(JSON.parse(byHost), [
      ...['DELETE', '/porch/a', 'porch.pi.local', { ...from, 'x-forwarded-host': 'porch.pi.local' }],
    ]);
  });

  it('passes bodies of known and unknown length in both directions, and all cookies', async (t) => {
    const { port } = await start(t, (incoming, answer) => {
      answer.setHeader('set-cookie', ['a=1', 'b=2']);
      answer.setHeader('x-length', incoming.headers['content-length'] ?? 'none');
      incoming.pipe(answer);
    });
    const body = 'x'.repeat(300_000);
    for (const [coding, length] of [
      [[], '300000'],
      [['-H', 'Transfer-Encoding: chunked'], 'none'],
    ] as const) {
      const child = promisify(execFile)('curl', [
        ...['-sSi', '-H', 'Expect:', '--max-time', '20', '-X', 'GET', '--data-binary', '@-', ...coding],
        `http://127.0.0.1:${port}/porch/`,
      ]);
      child.child.stdin?.end(body);
      const [head = '', echoed] = (await child).stdout.split('\r\n\r\n');
      assert.deepEqual(head.match(/^set-cookie: .*$/gim), ['set-cookie: a=1', 'set-cookie: b=2']);
      assert.match(head, new RegExp(`x-length: ${length}`));
      assert.equal(echoed, body);
    }
  });

  it('lists the apps, leads to the right path, and says what it does not know', async (t) => {
    const { port } = await start(t, (_, answer) => answer.writeHead(302, { location: '/login' }).end());
    const at = `http://127.0.0.1:${port}`;
    const status = (path: string) => curl('-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', `${at}${path}`);
    const index = await curl(`${at}/`);
    assert.match(index, /<h1>pi<\/h1><ul><li><a href="\/porch\/">porch<\/a> <small>Light &#38; &#60;shade&#62;/);
    assert.equal(await status('/porch'), `308 ${at}/porch/`);
    assert.equal(await status('/porch/'), `302 ${at}/porch/login`);
    assert.equal(await status('/%3Cscript%3E/'), '404 ');
    assert.match(
      await raw(port, 'GET /<b>/ HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\r\n'),
      /has no app &#60;b&#62; to show/,
    );
  });

  it('passes WebSockets on, and ends them with the app', async (t) => {
    const app = createServer();
    const sockets = new WebSocketServer({ server: app });
    sockets.on('connection', (socket, incoming) => {
      socket.send(`${incoming.url} for ${incoming.headers['x-forwarded-prefix']}`);
      socket.on('message', (data) => (String(data) === 'end' ? socket.terminate() : socket.send(`echo ${data}`)));
    });
    const { port } = await start(t, await listen(t, app));
    const client = new WebSocket(`ws://127.0.0.1:${port}/porch/live?x`);
    const heard: string[] = [];
    client.on('message', (data) => {
      heard.push(String(data));
      client.send(heard.length === 1 ? 'hello' : 'end');
    });
    client.on('error', () => {});
    await once(client, 'close');
    assert.deepEqual(heard, ['/live?x for /porch', 'echo hello']);
  });

  it('passes on what an app answers that takes no WebSockets', async (t) => {
    const { port } = await start(t, (_, answer) => answer.writeHead(403).end('no sockets'));
    const client = new WebSocket(`ws://127.0.0.1:${port}/porch/`);
    const [, answer] = await once(client, 'unexpected-response');
    assert.equal(answer.statusCode, 403);
    assert.equal((await answer.toArray()).join(''), 'no sockets');
    const absent = new WebSocket(`ws://127.0.0.1:${port}/poach/`);
    const [, missing] = await once(absent, 'unexpected-response');
    assert.equal(missing.statusCode, 404);
    missing.resume();
  });

  it('stays calm where the app is not there, goes while it answers, or talks something else', async (t) => {
    const nobody = createNetServer();
    const dead = await listen(t, nobody);
    nobody.close();
    const gone = await start(t, dead);
    const page = await curl('-i', `http://127.0.0.1:${gone.port}/porch/`);
    assert.match(page, /^HTTP\/1.1 502 .*retry-after: 5.*<h1>porch<\/h1><p>It does not answer at the moment/is);
    assert.match(page, /http-equiv="refresh"/);

    const broken = await start(t, (incoming, answer) => {
      answer.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => incoming.socket.destroy());
    });
    await assert.rejects(curl(`http://127.0.0.1:${broken.port}/porch/`), /transfer closed|Recv failure|reset/);

    const strange = createNetServer((socket) => socket.end('HTTP/1.1 099 what\r\n\r\n'));
    const odd = await start(t, await listen(t, strange));
    assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}', `http://127.0.0.1:${odd.port}/porch/`), '502');
    assert.match(await curl(`http://127.0.0.1:${odd.port}/`), /porch/);
  });

  it('tells of an app that says nothing for too long', async (t) => {
    const { port } = await start(t, () => {}, { limits: { idleTimeoutMs: 300 } });
    const status = await curl('-o', '/dev/null', '-w', '%{http_code}', `http://127.0.0.1:${port}/porch/`).catch(
      () => 'cut',
    );
    assert.equal(status, '504');
  });

  it('refuses more headers than it takes, more connections, and clients that say nothing', async (t) => {
    const limits = { headerMaxBytes: 2_000, headersTimeoutMs: 200 };
    const app: RequestListener = (_, answer) => answer.end('well');
    const { port } = await start(t, app, { limits });
    const get = 'GET /porch/ HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n';
    assert.match(await raw(port, `${get}X: ${'x'.repeat(3_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
    assert.match(await raw(port, get), /^HTTP\/1.1 408 /);
    const full = await start(t, app, { limits: { connectionsMax: 2 } });
    const held = [1, 2].map(() => connect({ host: '127.0.0.1', port: full.port }));
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    await assert.rejects(curl(`http://127.0.0.1:${full.port}/porch/`), /Empty reply|reset|Recv failure/);
    for (const socket of held) socket.destroy();
    await Promise.all(held.map((socket) => once(socket, 'close')));
  });

  it('takes nothing for a second request that is part of the first', async (t) => {
    const seen: string[] = [];
    const { port } = await start(t, (incoming, answer) => {
      seen.push(`${incoming.method} ${incoming.url}`);
      incoming.resume().on('end', () => answer.end());
    });
    const inner = 'GET /porch/hidden HTTP/1.1\r\nHost: pi\r\n\r\n';
    const head = (extra: string) => `GET /porch/ HTTP/1.1\r\nHost: pi\r\n${extra}\r\n\r\n${inner}`;
    await raw(port, head(`Connection: close, Content-Length\r\nContent-Length: ${inner.length}`));
    assert.match(
      await raw(port, head(`Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked`)),
      /^HTTP\/1.1 400/,
    );
    assert.match(
      await raw(port, head(`Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: ${inner.length}`)),
      /^HTTP\/1.1 400/,
    );
    assert.deepEqual(seen, ['GET /']);
  });

  it('serves over TLS where there is a certificate', async (t) => {
    const words =
      '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=pi -addext subjectAltName=DNS:pi.test';
    const { stdout } = await promisify(execFile)('openssl', ['req', ...words.split(' '), '-keyout', '-', '-out', '-']);
    const [key = '', certificate = ''] = stdout.match(/-----BEGIN[\s\S]+?-----END [A-Z ]+-----\n/g) ?? [];
    const answerProtocol: RequestListener = (incoming, answer) => answer.end(incoming.headers['x-forwarded-proto']);
    const { port } = await start(t, answerProtocol, {}, { certificate, key });
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-web-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'ca.pem'), certificate);
    const trusted = ['--cacert', join(folder, 'ca.pem'), '--connect-to', `::127.0.0.1:${port}`];
    assert.equal(await curl(...trusted, `https://pi.test:${port}/porch/`), 'https');
    await assert.rejects(
      createProxy({ apps: () => new Map(), deviceNames: () => [], connect: CONNECT }, { certificate, key: 'x' }),
    );
  });

  it('lets go of the app when the client has gone', async (t) => {
    let closed = () => {};
    const over = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { port } = await start(t, (incoming, answer) => {
      answer.write('first');
      incoming.on('close', closed);
    });
    const client = request({ host: '127.0.0.1', port, path: '/porch/' }).on('error', () => {});
    client.end();
    const [answer] = await once(client, 'response');
    await once(answer, 'data');
    client.destroy();
    await over;
  });
});
