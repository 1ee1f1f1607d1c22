import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { listen, temporaryFolder } from '../cli.testing.ts';
import { createClient } from '../client.ts';
import { developmentApp } from './dev-bundle.ts';
import { localPaths } from './develop.ts';
import { RUNNER_FILE, RUNNER_SOURCE } from './device-runner.ts';
import { openDevelopmentSession } from './session.ts';
import { syncFiles, watchFolder } from './sync.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** The runner as a device starts it, and a server whose console is an interactive Node.js beside it. */
async function device(test: TestContext, start: string[]) {
  const bundle = await temporaryFolder(test);
  const home = join(bundle, 'home');
  await mkdir(join(bundle, 'node_modules/dep'), { recursive: true });
  await writeFile(join(bundle, 'node_modules/dep/index.js'), 'module.exports = "dependency";');
  await writeFile(join(bundle, RUNNER_FILE), RUNNER_SOURCE);
  const port = await freePort();
  const env = { PORT: String(port), NODEOS_DEV_HOME: home, NODEOS_DEV_START: JSON.stringify(start) };
  const runner = spawn(process.execPath, [join(bundle, RUNNER_FILE)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [runner.stdout, runner.stderr])
    stream.on('data', (text) => {
      output += text;
    });
  let console: ChildProcess | null = null;
  let events: ServerResponse | null = null;
  const early: string[] = [];
  const deliver = (data: string, end = false): void => {
    const text = `event: repl\ndata: ${JSON.stringify({ session: 's', data, end })}\n\n`;
    if (events) events.write(text);
    else early.push(text);
  };
  const server = await listen(test, (request, response) => {
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(early.splice(0).join(''));
        events = response;
        return;
      }
      if (request.url?.endsWith('/repl')) {
        const child = spawn(process.execPath, ['--interactive'], { env: { NODEOS_DEV_HOME: home } });
        // What is left of the console before belongs to a session that is over.
        events = null;
        console = child;
        child.stdout.on('data', (data) => console === child && deliver(String(data)));
        child.on('close', () => console === child && deliver('', true));
        return response.setHeader('content-type', 'application/json').end('{"session":"s"}');
      }
      const { data, end } = JSON.parse(body);
      // On a device the bundle lies at /app.
      console?.stdin?.write(data.replaceAll(`'/app/`, `'${bundle}/`));
      if (end) console?.stdin?.end();
      response.writeHead(204).end();
    });
  });
  test.after(async () => {
    console?.kill('SIGKILL');
    runner.kill('SIGTERM');
    if (runner.exitCode === null) await once(runner, 'exit');
  });
  const client = createClient({ server, token: 't' }, new AbortController().signal);
  return { client, port, home, bundle, output: () => output };
}
/** The app answers this soon: it is said to run before it listens. */
async function answers(port: number, expected: string, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  for (let last = 'nothing'; last !== expected; await delay(20)) {
    if (performance.now() > end) throw new Error(`the app answers ${last} and not ${expected}`);
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).catch(() => null);
    last = answer === null ? 'nothing' : await answer.text().catch(() => 'nothing');
  }
}
const serve = (text: string): string =>
  `require('node:http').createServer((q, a) => a.end('${text} ' + require('dep'))).listen(Number(process.env.PORT));`;

describe('nodeos dev', () => {
  it('sends what differs, starts the app again, and goes on after a crash', async (test) => {
    const { client, port, home, output } = await device(test, ['node', 'src/main.js']);
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'src'));
    const main = join(folder, 'src/main.js');
    await writeFile(main, serve('one'));
    await writeFile(join(folder, 'big.txt'), 'x'.repeat(200_000));
    const session = await openDevelopmentSession(client, 'd', 'hello');
    assert.deepEqual([...session.files], []);
    assert.deepEqual(await syncFiles(session, folder, ['src/main.js', 'big.txt']), ['src/main.js', 'big.txt']);
    assert.equal((await session.restart()).running, true);
    await answers(port, 'one dependency');
    assert.equal((await readFile(join(home, 'app/big.txt'))).length, 200_000);

    await writeFile(main, serve('two'));
    assert.deepEqual(await syncFiles(session, folder, ['src/main.js']), ['src/main.js', 'big.txt']);
    await session.restart();
    await answers(port, 'two dependency');
    await assert.rejects(readFile(join(home, 'app/big.txt')));

    await writeFile(main, 'throw new Error("a mistake")');
    await syncFiles(session, folder, ['src/main.js']);
    assert.equal((await session.restart()).running, false);
    assert.match(output(), /a mistake[\s\S]*ended with code 1/);
    await writeFile(main, serve('three'));
    await syncFiles(session, folder, ['src/main.js']);
    await session.restart();
    await answers(port, 'three dependency');
    session.close();
    await session.ended;

    const again = await openDevelopmentSession(client, 'd', 'hello');
    assert.deepEqual([...again.files.keys()], ['src/main.js']);
    assert.deepEqual(await syncFiles(again, folder, ['src/main.js']), []);
    again.close();
  });

  it('refuses to write outside of the app', async (test) => {
    const { client } = await device(test, ['node', 'main.js']);
    const session = await openDevelopmentSession(client, 'd', 'hello');
    session.put('../outside', Buffer.from('x'), false);
    await assert.rejects(session.restart(), {
      code: 'APP_START_FAILED',
      message: /\.\.\/outside is not below the app/,
    });
    session.close();
  });

  it('watches the folders of the app’s files, new ones too, and not the others', async (test) => {
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'node_modules'));
    await writeFile(join(folder, 'main.js'), '1');
    const watched = watchFolder(folder);
    test.after(() => watched.close());
    watched.cover(['main.js', 'package.json']);
    await writeFile(join(folder, 'node_modules/x'), '');
    await writeFile(join(folder, 'main.js'), '2');
    assert.deepEqual(await watched.next(), { listAgain: false, installedChanged: false });
    await writeFile(join(folder, 'package.json'), '{}');
    await writeFile(join(folder, 'new.js'), '');
    assert.deepEqual(await watched.next(), { listAgain: true, installedChanged: true });
    await rm(join(folder, 'main.js'));
    assert.equal((await watched.next()).listAgain, false);
  });

  it('makes a version that stays as long as dependencies and settings do', async (test) => {
    const folder = await temporaryFolder(test);
    const context: BuildContext = {
      cacheRoot: join(folder, 'cache'),
      signal: new AbortController().signal,
      progress: () => {},
      locked: false,
    };
    const source = { name: 'hello', version: '1.2.0', scripts: { start: 'MODE=x node src/main.js' } };
    const make = async (change: object) => {
      await writeFile(join(folder, 'package.json'), JSON.stringify({ ...source, ...change }));
      const scratch = await temporaryFolder(test);
      return developmentApp(context, folder, await loadBoard('x86_64-usb'), scratch);
    };
    const nodeos = { ports: [8080], probe: '/health', devices: ['gpio'], soakMs: 60_000 };
    const app = await make({ nodeos });
    assert.match(app.version, /^1\.2\.0-dev\.[0-9a-f]{1,10}$/);
    assert.equal((await make({ nodeos, description: 'x' })).version, app.version);
    assert.notEqual((await make({ nodeos: { ...nodeos, memoryMiB: 64 } })).version, app.version);
    const { manifest } = await (await make({ nodeos })).bundle();
    assert.deepEqual([manifest.start, manifest.devices, manifest.ports], [['node', RUNNER_FILE], ['gpio'], []]);
    assert.deepEqual(manifest.env, {
      MODE: 'x',
      PORT: '8080',
      NODEOS_DEV_START: '["node","src/main.js"]',
    });
  });

  it('names files here where a stack names them on the device', () => {
    const line = '    at f (file:///.nodeos-dev/app/src/a.ts:3:1) and /.nodeos-dev/app/b.js:1';
    assert.equal(localPaths(line, '/home/me/app'), '    at f (/home/me/app/src/a.ts:3:1) and /home/me/app/b.js:1');
  });
});
