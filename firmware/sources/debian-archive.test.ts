import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { fetchFromArchive } from './debian-archive.ts';

const BYTES = Buffer.from('a package');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const FILE = 'f'.repeat(40);
const signal = new AbortController().signal;
let server: Server;
let base: string;
let folder: string;

before(async () => {
  server = createServer((request, response) => {
    if (request.url === '/mr/binary/libc6/1%3A2.0/binfiles') {
      const result = [
        { architecture: 'arm64', hash: '0'.repeat(40) },
        { architecture: 'amd64', hash: FILE },
      ];
      return response.end(JSON.stringify({ result }));
    }
    if (request.url === `/file/${FILE}`) return response.end(BYTES);
    response.statusCode = 404;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  folder = await mkdtemp(join(tmpdir(), 'nodeos-archive-'));
});

after(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

test('a dropped version comes from the archive when its bytes are those of the lock', async () => {
  const target = join(folder, 'good.deb');
  const pin = { version: '1:2.0', sha256: SHA256 };
  assert.equal(await fetchFromArchive(base, 'libc6', pin, 'amd64', target, signal), true);
  assert.deepEqual(await readFile(target), BYTES);
});

test('other bytes are refused and not kept', async () => {
  const pin = { version: '1:2.0', sha256: '0'.repeat(64) };
  await assert.rejects(
    fetchFromArchive(base, 'libc6', pin, 'amd64', join(folder, 'bad.deb'), signal),
    (error: unknown) => isNodeosError(error) && error.code === 'SOURCE_MISMATCH' && /libc6 1:2\.0/.test(error.message),
  );
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('bad')),
    [],
  );
});

test('a version or architecture that the archive lacks, and no archive at all, are no error', async () => {
  const target = join(folder, 'none.deb');
  const pin = { version: '1:2.0', sha256: SHA256 };
  assert.equal(await fetchFromArchive(base, 'libc7', pin, 'amd64', target, signal), false);
  assert.equal(await fetchFromArchive(base, 'libc6', pin, 'armhf', target, signal), false);
  assert.equal(await fetchFromArchive('http://127.0.0.1:1', 'libc6', pin, 'amd64', target, signal), false);
});
