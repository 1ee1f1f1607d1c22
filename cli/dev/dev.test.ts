import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { DEVELOPMENT_LIMITS, type DevelopedFile, type ToDevice } from '@nodeos/contracts/development.ts';
import {
  freePort,
  makeAppFolder,
  plainLaunch,
  server as serving,
} from '@nodeos/device-agent/src/apps/node-apps.testing.ts';
import { createSupervisor } from '@nodeos/device-agent/src/apps/supervisor.ts';
import { createDevelopmentSession } from '@nodeos/device-agent/src/development/session.ts';
import { listen, temporaryFolder } from '../cli.testing.ts';
import { createClient } from '../client.ts';
import { type DevelopmentTree, refuseWayOut } from './bundle.ts';
import { developOn, local } from './develop.ts';
import { DevelopmentConnection } from './session.ts';
import { FileHashes, listMessages, sendFiles } from './sync.ts';
import { watchFolder } from './watch.ts';

/** A device that runs a release, behind a server that hands messages on. */
async function device(test: TestContext) {
  const apps = await makeAppFolder();
  const port = await freePort();
  let events: ServerResponse | null = null;
  let id = 0;
  const supervisor = createSupervisor({
    launch: plainLaunch(),
    ...{ onLine: () => {}, onChange: () => {}, onEvent: () => {}, availableMemoryKiB: async () => 1_000_000 },
  });
  const heard: ToDevice[] = [];
  let requests = 0;
  const early: string[] = [];
  const session = createDevelopmentSession({
    ...{ allowed: true, onTrial: () => false, findReleased: () => undefined, apps: supervisor.development },
    ...{ folder: join(await temporaryFolder(test), 'session'), owner: null, onEvent: () => {}, onChange: () => {} },
    availableMemoryKiB: async () => 1_000_000,
    publish(message) {
      const text = `event: development\ndata: ${JSON.stringify(message)}\n\n`;
      if (events) events.write(text);
      else early.push(text);
      if (message.end) events?.end();
    },
  });
  const server = await listen(test, (request, response) => {
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        if (request.url?.includes('/logs')) return;
        response.write(early.splice(0).join(''));
        events = response;
      } else if (request.url?.endsWith('/development')) {
        const { app, resume } = JSON.parse(body);
        events = null;
        session.open(String(++id), app, resume);
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ session: String(id) }));
      } else {
        const { data, end } = JSON.parse(body);
        const messages: ToDevice[] = JSON.parse(data);
        heard.push(...messages);
        if (messages.some(({ kind }) => kind !== 'renew')) requests++;
        session.input({ session: request.url?.split('/').at(-1) ?? '', data, end });
        response.writeHead(204).end();
      }
    });
  });
  test.after(async () => {
    await session.end('the test is over');
    await supervisor.stopAll();
    await apps[Symbol.asyncDispose]();
  });
  await supervisor.start(await apps.app('1.0.0', serving('released'), { ports: [port] }));
  await supervisor.allHealthy(20_000);
  const ask = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  const breakConnection = (): void => void events?.destroy();
  const client = createClient({ server, token: 't' }, new AbortController().signal);
  return { client, port, ask, heard, supervisor, breakConnection, session, requests: () => requests };
}

/** An app without dependencies; what a bundle has of it. */
const bundleOf = (folder: string, port: number) => async (): Promise<DevelopmentTree> => ({
  manifest: appManifest('1.1.0', { start: ['node', 'main.js'], ports: [port] }),
  async files() {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
    return new Map(names.map((name) => [name, join(folder, name)]));
  },
});

describe('nodeos dev', () => {
  it('sends what differs, starts the app again, goes on after a crash and a broken connection, and leaves the release', async (test) => {
    const { client, port, ask, heard, supervisor, breakConnection, requests } = await device(test);
    const folder = await temporaryFolder(test);
    const main = join(folder, 'main.js');
    await writeFile(join(folder, 'big.txt'), 'x'.repeat(700_000));
    await writeFile(main, serving('one'));
    const stdout = new PassThrough();
    const ctrlC = new AbortController();
    let seen = '';
    let wake = (): void => {};
    stdout.on('data', (text) => {
      seen += text;
      wake();
    });
    const printed = async (words: RegExp): Promise<void> => {
      while (!words.test(seen))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      seen = '';
    };
    const io = { stdout, stderr: stdout, signal: ctrlC.signal, env: {}, cwd: folder };
    test.after(() => ctrlC.abort());
    const desk = { id: 'd', name: 'desk' };
    const developing = developOn({ io, client, device: desk, folder, bundle: bundleOf(folder, port) });

    await printed(/2 files: running after/);
    assert.equal(await ask(), 'one');
    const listed = heard.flatMap((message) => (message.kind === 'list' ? message.files.map(({ path }) => path) : []));
    assert.deepEqual(listed.sort(), ['big.txt', 'main.js']);

    const [before, asked] = [heard.length, requests()];
    await writeFile(main, serving('two'));
    await printed(/main\.js: running after/);
    assert.equal(await ask(), 'two');
    const named = (messages: ToDevice[]): string[] =>
      messages.flatMap((message) => (message.kind === 'list' ? message.files.map(({ path }) => path) : []));
    assert.deepEqual(named(heard.slice(before)), ['main.js'], 'only what differs is listed');
    assert.deepEqual(
      heard
        .slice(before)
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'renew'),
      ['list', 'piece', 'start'],
    );
    assert.equal(requests() - asked, 1, 'all in one request');
    const starts = heard.flatMap((message) => (message.kind === 'start' ? [message.manifest !== null] : []));
    assert.deepEqual(starts, [true, false], 'the manifest is sent once');

    await writeFile(main, 'throw new Error("a mistake")');
    await printed(/main\.js: it does not run: .*a mistake/);
    breakConnection();
    await printed(/the connection broke; trying again/);
    await writeFile(main, serving('three'));
    await printed(/main\.js: running after/);
    assert.equal(await ask(), 'three');

    ctrlC.abort();
    await developing;
    assert.match(seen, /the session is over/);
    await supervisor.allHealthy(20_000);
    assert.equal(await ask(), 'released');
  });

  it('ends with the reason where the device ended the session', async (test) => {
    const { client, port, session } = await device(test);
    const folder = await temporaryFolder(test);
    await writeFile(join(folder, 'main.js'), serving('one'));
    const stdout = new PassThrough();
    const { signal } = new AbortController();
    const io = { stdout, stderr: stdout, signal, env: {}, cwd: folder };
    stdout.on('data', (text) => {
      if (/running after/.test(String(text))) void session.end('version 2.0.0 was deployed');
    });
    const options = { io, client, device: { id: 'd', name: '' }, folder, bundle: bundleOf(folder, port) };
    await assert.rejects(developOn(options), { code: 'DEVELOPMENT_ENDED', message: /version 2\.0\.0 was deployed/ });
  });

  it('leaves no connection behind where a session does not open', async () => {
    const closed = Promise.withResolvers<void>();
    const data = JSON.stringify({ kind: 'failed', code: 'CONFLICT', reason: 'CONFLICT: not now' });
    const client = {
      ...createClient({ server: 'http://127.0.0.1:1', token: 't' }, new AbortController().signal),
      send: async () => ({ session: 's' }),
      async *events(_path: string, signal?: AbortSignal) {
        signal?.addEventListener('abort', () => closed.resolve());
        yield { event: 'development', data: JSON.stringify({ session: 's', data, end: false }) };
        await closed.promise;
      },
    };
    const opening = DevelopmentConnection.open(client, 'd', 'hello', null, () => {});
    await assert.rejects(opening, { code: 'CONFLICT', message: 'not now' });
    await closed.promise;
  });

  it('refuses links that lead out of the folder', async (test) => {
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'app/real'), { recursive: true });
    await writeFile(join(folder, 'secret'), '');
    await writeFile(join(folder, 'app/real/file'), '');
    await symlink('../secret', join(folder, 'app/out'));
    await symlink('real/file', join(folder, 'app/in'));
    await refuseWayOut(join(folder, 'app'), 'in');
    await refuseWayOut(join(folder, 'app'), 'real/file');
    await assert.rejects(refuseWayOut(join(folder, 'app'), 'out'), {
      code: 'INPUT_INVALID',
      message: /^out is a link/,
    });
  });

  it('reads again only what was touched, and lists in messages that fit', async (test) => {
    const folder = await temporaryFolder(test);
    const whole = join(folder, 'a');
    await writeFile(whole, 'one');
    const hashes = new FileHashes();
    const files = new Map([
      ['a', whole],
      ['gone', join(folder, 'gone')],
    ]);
    const [first] = await hashes.list(files);
    assert.equal((await hashes.list(files))[0], first);
    await writeFile(whole, 'two');
    assert.notEqual((await hashes.list(files))[0]?.sha256, first?.sha256);
    const many: DevelopedFile[] = Array.from({ length: 3_000 }, (_, at) => ({
      ...{ path: `folder/${at}`.padEnd(60, 'x'), sha256: 'a'.repeat(64), bytes: 1 },
    }));
    const messages = listMessages(many);
    assert.ok(messages.every((message) => JSON.stringify(message).length < 65_536));
    assert.deepEqual(
      messages.flatMap((message) => (message.kind === 'list' ? message.files : [])),
      many,
    );
    assert.deepEqual(messages.map((message) => message.kind === 'list' && [message.first, message.last]).at(-1), [
      false,
      true,
    ]);
    assert.deepEqual(listMessages([]), [{ kind: 'list', files: [], gone: [], first: true, last: true }]);
    const changes = listMessages(many, ['a']);
    assert.ok(changes.length > 1 && changes.every((message) => message.kind === 'list' && !message.first));
  });

  it('has no more on the way than the device can be asked to hold', async (test) => {
    const folder = await temporaryFolder(test);
    const whole = join(folder, 'a');
    await writeFile(whole, 'x'.repeat(2_000_000));
    const files = new Map([['a', whole]]);
    let [sent, taken, most] = [0, 0, 0];
    const connection = {
      get taken() {
        return taken;
      },
      missing: async () => new Set([listed[0]?.sha256 ?? '']),
      send(message: ToDevice) {
        if (message.kind === 'piece') sent += Buffer.from(message.data, 'base64').length;
        most = Math.max(most, sent - taken);
      },
      async takenUpTo(octets: number) {
        taken = Math.max(taken, octets);
      },
    };
    const listed = await new FileHashes().list(files);
    assert.deepEqual(await sendFiles(connection, files, listed, null), ['a']);
    assert.equal(sent, 2_000_000);
    const { windowMaxBytes, pieceMaxBytes } = DEVELOPMENT_LIMITS;
    assert.ok(most <= windowMaxBytes + pieceMaxBytes, `${most} octets on the way`);
  });

  it('watches the folders of the app’s files, new ones too, and not the others', async (test) => {
    const folder = await temporaryFolder(test);
    await writeFile(join(folder, 'main.js'), '1');
    const watched = watchFolder(folder);
    test.after(() => watched.close());
    watched.cover(['main.js', 'package.json']);
    await mkdir(join(folder, 'node_modules'));
    await writeFile(join(folder, 'main.js'), '2');
    assert.deepEqual(await watched.next(), { bundleAgain: false, listAgain: false });
    await writeFile(join(folder, 'main.js.tmp'), '3');
    await rename(join(folder, 'main.js.tmp'), join(folder, 'main.js'));
    assert.deepEqual(await watched.next(), { bundleAgain: false, listAgain: false });
    await writeFile(join(folder, 'new.js'), '');
    assert.deepEqual(await watched.next(), { bundleAgain: false, listAgain: true });
    await writeFile(join(folder, 'package.json'), '{}');
    assert.deepEqual(await watched.next(), { bundleAgain: true, listAgain: false });
    await mkdir(join(folder, 'src'));
    watched.cover(['src/addon.cc']);
    await watched.next();
    await writeFile(join(folder, 'src/addon.cc'), '');
    assert.deepEqual(await watched.next(), { bundleAgain: true, listAgain: false });
    await rm(join(folder, 'main.js'));
    assert.deepEqual(await watched.next(), { bundleAgain: false, listAgain: false });
  });

  it('names files here where a stack names them on the device', () => {
    const line = '    at f (file:///app/src/a.ts:3:1), /app/b.js:1, /data/app/c.js and https://host/app/d.js';
    const here = '    at f (/home/me/x/src/a.ts:3:1), /home/me/x/b.js:1, /data/app/c.js and https://host/app/d.js';
    assert.equal(local(line, '/home/me/x'), here);
  });
});
