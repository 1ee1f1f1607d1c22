import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listen, temporaryFolder } from '../cli.testing.ts';
import { createClient } from '../client.ts';
import { initKeys, readReleaseKey, readRoot, uploadRoot } from './key-folder.ts';

const info = {
  version: '0.1.0',
  deviceUrl: 'https://127.0.0.1:8443',
  brokerUrl: 'mqtts://127.0.0.1:8883',
  ca: 'pem',
  rootVersion: null as number | null,
  onlineKeys: { snapshot: '11'.repeat(32), timestamp: '22'.repeat(32) },
};

/** A server that gives `info` and answers uploads of root.json with the given status; 0 breaks the connection off. */
async function serve(test: Parameters<typeof listen>[0], status: number, answer = info) {
  const uploads: string[] = [];
  const server = await listen(test, async (request, response) => {
    if (request.method === 'GET')
      return response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    let body = '';
    for await (const chunk of request) body += chunk;
    uploads.push(body);
    if (status === 0) return response.destroy();
    response.statusCode = status;
    return response.end();
  });
  return { client: createClient({ server, token: 't' }, new AbortController().signal), uploads };
}

describe('initKeys', () => {
  it('makes two keys and a root that names the keys of the server, and uploads it', async (test) => {
    const dir = join(await temporaryFolder(test), 'keys');
    const { client, uploads } = await serve(test, 204);
    await initKeys(client, dir);
    assert.deepEqual((await readdir(dir)).sort(), ['root.json', 'root.pem', 'targets.pem']);
    assert.deepEqual(JSON.parse(uploads[0] as string), JSON.parse(await readFile(join(dir, 'root.json'), 'utf8')));
    const root = await readRoot(dir);
    assert.deepEqual(root.signed.roles.targets?.keyIDs, [(await readReleaseKey(dir)).publicKey.keyID]);
    const timestamp = root.signed.keys[root.signed.roles.timestamp?.keyIDs[0] as string];
    assert.equal(timestamp?.keyVal.public, info.onlineKeys.timestamp);
  });

  it('touches no existing key', async (test) => {
    const dir = await temporaryFolder(test);
    await writeFile(join(dir, 'targets.pem'), 'mine');
    const { client } = await serve(test, 204);
    await assert.rejects(initKeys(client, dir), { code: 'KEY_EXISTS' });
    assert.deepEqual(await readdir(dir), ['targets.pem']);
    assert.equal(await readFile(join(dir, 'targets.pem'), 'utf8'), 'mine');
  });

  it('makes nothing for a server that has a root already', async (test) => {
    const dir = join(await temporaryFolder(test), 'keys');
    const { client } = await serve(test, 204, { ...info, rootVersion: 1 });
    await assert.rejects(initKeys(client, dir), { code: 'CONFLICT' });
    assert.equal(existsSync(dir), false);
  });

  it('leaves nothing behind where the server refuses the root', async (test) => {
    const dir = join(await temporaryFolder(test), 'keys');
    const { client } = await serve(test, 409);
    await assert.rejects(initKeys(client, dir), { code: 'CONFLICT' });
    assert.equal(existsSync(dir), false);
  });

  it('keeps the keys where no answer came, for the server may have taken the root', async (test) => {
    const dir = join(await temporaryFolder(test), 'keys');
    const { client } = await serve(test, 0);
    await assert.rejects(initKeys(client, dir), { code: 'SERVER_UNREACHABLE', hint: /nodeos keys upload/ });
    const again = await serve(test, 204);
    await uploadRoot(again.client, dir);
    assert.equal(again.uploads.length, 1);
  });
});

describe('reading a key folder', () => {
  it('says that keys are missing', async (test) => {
    const dir = await temporaryFolder(test);
    await assert.rejects(readRoot(dir), { code: 'KEY_MISSING' });
    await assert.rejects(readReleaseKey(dir), { code: 'KEY_MISSING' });
  });
});
