import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { openAuthority } from '../authority.ts';
import { rabbitmqMissing, startRabbitmq } from '../testing/rabbitmq.ts';
import { testOwnBroker } from './own-broker.suite.ts';
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
