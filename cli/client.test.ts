import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { listen, temporaryFolder } from './cli.testing.ts';
import { createClient } from './client.ts';

const connectTo = (server: string, signal = new AbortController().signal) =>
  createClient({ server, token: 'secret' }, signal);

describe('createClient', () => {
  it('sends the token and checks the answer', async (test) => {
    const server = await listen(test, (request, response) => {
      assert.equal(request.headers.authorization, 'Bearer secret');
      assert.equal(request.url, '/api/v1/thing');
      response.setHeader('content-type', 'application/json').end('{"n":1}');
    });
    assert.deepEqual(await connectTo(server).get('/thing', z.object({ n: z.number() })), { n: 1 });
    await assert.rejects(connectTo(server).get('/thing', z.object({ n: z.string() })), { code: 'INPUT_INVALID' });
  });

  for (const [name, status, body, code] of [
    [
      "the server's own coded error",
      409,
      { error: { code: 'RELEASE_EXISTS', message: 'm', hint: 'h' } },
      'RELEASE_EXISTS',
    ],
    ['an unknown code as a defect', 500, { error: { code: 'NEW_CODE', message: 'm', hint: 'h' } }, 'INTERNAL'],
    ['401 of a proxy', 401, '<html>', 'UNAUTHENTICATED'],
    ['404 without a body', 404, '', 'NOT_FOUND'],
    ['502 of a proxy', 502, '<html>', 'SERVER_UNREACHABLE'],
  ] as const) {
    it(`gives ${name}`, async (test) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const server = await listen(test, (_request, response) => {
        response.statusCode = status;
        response.setHeader('content-type', typeof body === 'string' ? 'text/html' : 'application/json').end(text);
      });
      await assert.rejects(connectTo(server).get('/x', z.unknown()), { name: 'NodeosError', code });
      await assert.rejects(connectTo(server).events('/x').next(), { name: 'NodeosError', code });
    });
  }

  it('says that a server is not there, or went away in the middle', async (test) => {
    await assert.rejects(connectTo('http://127.0.0.1:1').get('/x', z.unknown()), { code: 'SERVER_UNREACHABLE' });
    const server = await listen(test, (_request, response) => response.destroy());
    await assert.rejects(connectTo(server).get('/x', z.unknown()), { code: 'SERVER_UNREACHABLE' });
  });

  it('uploads a file with its length and tells the progress', async (test) => {
    const folder = await temporaryFolder(test);
    const content = Buffer.alloc(200_000, 'x');
    await writeFile(join(folder, 'blob'), content);
    let received = 0;
    const server = await listen(test, async (request, response) => {
      assert.equal(request.headers['content-length'], String(content.length));
      for await (const chunk of request) received += chunk.length;
      response.statusCode = 201;
      response.end();
    });
    const told: number[] = [];
    await connectTo(server).upload('/blobs/x', join(folder, 'blob'), (bytes) => told.push(bytes));
    assert.equal(received, content.length);
    assert.equal(told.at(-1), content.length);
  });

  it('yields events and ends quietly when it is told to', async (test) => {
    const server = await listen(test, (_request, response) => {
      response.setHeader('content-type', 'text/event-stream').write('event: change\ndata: {"id":1}\n\n: idle\n');
    });
    const stop = new AbortController();
    const seen = [];
    for await (const event of connectTo(server).events('/events', stop.signal)) {
      seen.push(event);
      stop.abort();
    }
    assert.deepEqual(seen, [{ event: 'change', data: '{"id":1}' }]);
  });

  it('ends with INTERRUPTED on Ctrl-C', async (test) => {
    const controller = new AbortController();
    const server = await listen(test, () => controller.abort());
    await assert.rejects(connectTo(server, controller.signal).get('/x', z.unknown()), { code: 'INTERRUPTED' });
  });
});
