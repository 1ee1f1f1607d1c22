import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { openAuthority } from '../authority.ts';
import { rabbitmqMissing, startRabbitmq } from '../testing/rabbitmq.ts';
import { connectTo, identityOf, testOwnBroker } from './own-broker.suite.ts';
import { rabbitmqRoutes } from './rabbitmq-routes.ts';

const missing = rabbitmqMissing();
const keys = await mkdtemp(join(tmpdir(), 'nodeos-server-'));
const authority = await openAuthority(keys);
// One for all tests: it takes seconds to start.
const rabbitmq = missing.skip === undefined ? await startRabbitmq(authority) : null;
after(async () => {
  await rabbitmq?.stop();
  await rm(keys, { recursive: true, force: true });
});

testOwnBroker(
  'rabbitmq',
  async () => {
    const { port = 0, questionsPort = 0 } = rabbitmq ?? {};
    return { authority, keys, devicePort: port, serverPort: port, questionsPort };
  },
  async (context, { questionsPort }, mayConnect) => {
    const https = { ...(await authority.serverCertificate(['127.0.0.1'])), ca: authority.certificate };
    const app = fastify({
      ...{ forceCloseConnections: true, https: { ...https, requestCert: true, rejectUnauthorized: false } },
    }) as unknown as FastifyInstance;
    rabbitmqRoutes(app, { ca: authority.certificate, mayConnect });
    context.after(() => app.close());
    await app.listen({ host: '127.0.0.1', port: questionsPort });
  },
  missing,
);

test('rabbitmq: a device that answers in the place of the server is not believed', missing, async (context) => {
  const { port = 0, questionsPort = 0 } = rabbitmq ?? {};
  const [impostor, device] = [await identityOf(authority), await identityOf(authority)];
  let asked = 0;
  const { keyPem: key, certificate: cert } = impostor;
  const server = createServer({ key, cert }, (_request, response) => {
    asked++;
    response.end('allow');
  });
  const refused = once(server, 'tlsClientError');
  server.listen(questionsPort, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  await assert.rejects(connectTo(context, `mqtts://127.0.0.1:${port}`, authority.certificate, device), { code: 4 });
  await refused;
  assert.equal(asked, 0);
});
