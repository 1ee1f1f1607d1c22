import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openAuthority } from './authority.ts';
import { limitIdleConnections } from './idle-connections.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { until } from './testing/until.ts';

/** A server that keeps two idle connections; what is asked of `/held` is answered when the test says so. */
async function limitedServer(context: TestContext) {
  const authority = await openAuthority(await temporaryFolder(context));
  const held: ServerResponse[] = [];
  const server = createServer(await authority.serverCertificate(['127.0.0.1']), ({ url }, response) => {
    if (url === '/held') held.push(response);
    else response.end('here');
  });
  limitIdleConnections(server, 2);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agents: Agent[] = [];
  context.after(() => {
    for (const agent of agents) agent.destroy();
    server.close();
  });
  /** A client with one connection that it keeps. */
  const client = () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    return async (path = '/'): Promise<Socket> => {
      const asked = request({ agent, port, path, host: '127.0.0.1', ca: authority.certificate }).end();
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      assert.equal((await answer.toArray()).join(''), 'here');
      return asked.socket as Socket;
    };
  };
  return { held, client };
}

test('of connections that wait for a request, that which has waited longest is closed for one more', async (context) => {
  const { client } = await limitedServer(context);
  const [one, two, three] = [client(), client(), client()];
  const first = await one();
  const second = await two();
  // It has been asked again, so the second has waited longest.
  assert.equal(await one(), first);
  const third = await three();
  await until('the end of the second', () => second.destroyed);
  assert.deepEqual([await one(), await three()], [first, third]);
  assert.notEqual(await two(), second);
});

test('a connection on which an answer is awaited is no idle one', async (context) => {
  const { held, client } = await limitedServer(context);
  const [slow, ...others] = [client(), client(), client(), client()];
  const before = await slow();
  const answer = slow('/held');
  await until('the request', () => held.length === 1);
  const ends = await Promise.all(others.map((ask) => ask()));
  await until('the end of one', () => ends.some(({ destroyed }) => destroyed));
  held[0]?.end('here');
  assert.equal(await answer, before);
});
