import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import { topics } from '@nodeos/contracts/mqtt.ts';
import { Aedes } from 'aedes';
import { assetPath } from '../assets.ts';
import { listBoards } from '../boards.ts';
import { runTool } from '../run-tool.ts';
import { bundleScript } from './agent.ts';

const DEVICE = '0123456789abcdef';
const LIMIT_MS = 60_000;

/** What the agent says to its server, without the device around it; each step is one line of its output. */
const script = (sources: string) => `
  import { createServerHttp } from '${sources}/transport/http.ts';
  import { connectBroker } from '${sources}/transport/mqtt.ts';
  import { readJson } from '${sources}/transport/answer.ts';
  const { server, broker, ca, identity, deviceId } = JSON.parse(process.argv[2]);
  async function main() {
    const http = createServerHttp(server, ca, () => {});
    http.identify(identity);
    const answer = await http.request('POST', '/report', { json: { from: deviceId } });
    console.log('answer ' + JSON.stringify(await readJson(answer)));
    http.close();
    const connection = connectBroker({
      ...{ url: broker, deviceId, identity, ca, log: (text) => console.log('log ' + text), onReplInput() {} },
      onConnected: () => console.log('connected'),
      onDisconnected: (reason) => console.log('disconnected ' + reason),
      onTell(tell) {
        console.log('told ' + tell.kind);
        connection.publishRepl({ session: 's', data: 'heard', end: true });
        void connection.close();
      },
    });
  }
  void main();
`;

describe('the bundle on the flags of a board', () => {
  let folder: string;
  let program: string;
  let tls: TlsOptions & { readonly ca: string };
  let identity: { readonly certificate: string; readonly key: string };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodeos-agent-online-'));
    await writeFile(join(folder, 'talk.ts'), script(assetPath('device-agent', 'src')));
    program = join(folder, 'talk.js');
    const bundle = await bundleScript(join(folder, 'talk.ts'), 'talk.js');
    await writeFile(program, bundle.get('talk.js') ?? '');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const openssl = (...args: string[]) => runTool('openssl', ['req', '-x509', ...key, ...args], { cwd: folder });
    await openssl('-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
    const issued = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
    const address = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    await openssl('-subj', '/CN=server', ...issued, ...address, '-keyout', 'server.key', '-out', 'server.pem');
    await openssl('-subj', `/CN=${DEVICE}`, ...issued, '-keyout', 'device.key', '-out', 'device.pem');
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    const ca = await read('ca.pem');
    tls = { ca, key: await read('server.key'), cert: await read('server.pem'), requestCert: true };
    identity = { certificate: await read('device.pem'), key: await read('device.key') };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('asks the server and hears the broker, each over TLS with its certificate, on every board', async (t) => {
    const heard: string[] = [];
    const https = createHttps(tls, async (request, response) => {
      const [body] = (await request.toArray()) as Buffer[];
      heard.push(`${request.method} ${request.url} ${body}`);
      response.end(JSON.stringify({ hello: 'device' }));
    });
    const aedes = await Aedes.createBroker();
    aedes.on('subscribe', (subscriptions) => {
      if (!subscriptions.some(({ topic }) => topic === topics.tell(DEVICE))) return;
      const payload = Buffer.from(JSON.stringify({ kind: 'report-now' }));
      aedes.publish(
        { cmd: 'publish', topic: topics.tell(DEVICE), payload, qos: 1, dup: false, retain: false },
        () => {},
      );
    });
    aedes.on('publish', ({ topic, payload }, client) => {
      if (client && topic === topics.replOut(DEVICE)) heard.push(`${client.id} ${payload}`);
    });
    const mqtts = createTls(tls, aedes.handle);
    for (const server of [https, mqtts]) await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      aedes.close();
      for (const server of [https, mqtts]) server.close();
    });
    const at = (server: { address(): unknown }) => `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const words = {
      ca: tls.ca,
      identity,
      deviceId: DEVICE,
      server: `https://${at(https)}`,
      broker: `mqtts://${at(mqtts)}`,
    };

    const boards = await listBoards();
    assert.ok(boards.length > 0);
    for (const { name, node } of boards) {
      const child = spawn(process.execPath, [...node.systemFlags, program, JSON.stringify(words)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: LIMIT_MS,
      });
      const errors = child.stderr.toArray();
      const lines: string[] = [];
      for await (const line of createInterface(child.stdout)) lines.push(line);
      assert.deepEqual(
        lines,
        ['answer {"hello":"device"}', 'connected', 'told report-now', 'disconnected connection closed'],
        `${name} with ${node.systemFlags.join(' ')}: ${(await errors).join('')}`,
      );
      assert.deepEqual(heard.splice(0), [
        `POST /report {"from":"${DEVICE}"}`,
        `${DEVICE} {"session":"s","data":"heard","end":true}`,
      ]);
    }
  });
});
