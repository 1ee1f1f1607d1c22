import assert from 'node:assert/strict';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from './cli.testing.ts';
import { cacheLimitBytes, configPath, resolveServer, saveServer } from './config.ts';

const io = (env: Record<string, string>) => ({
  stdout: process.stdout,
  stderr: process.stderr,
  signal: new AbortController().signal,
  cwd: '/',
  env,
});

describe('resolveServer', () => {
  it('reads what saveServer wrote, readable for its owner only', async (test) => {
    const env = { HOME: await temporaryFolder(test) };
    const path = await saveServer(env, { server: 'http://127.0.0.1:9000', token: 'own' });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await resolveServer(io(env), {}), { server: 'http://127.0.0.1:9000', token: 'own' });
  });

  it('lets options win over the environment, and that over the file', async (test) => {
    const env = { HOME: await temporaryFolder(test) };
    await saveServer(env, { server: 'http://file:1', token: 'file' });
    const variables = { ...env, NODEOS_SERVER: 'http://env:2/', NODEOS_TOKEN: 'env' };
    assert.deepEqual(await resolveServer(io(variables), {}), { server: 'http://env:2', token: 'env' });
    const options = { server: 'http://option:3', token: 'option' };
    assert.deepEqual(await resolveServer(io(variables), options), options);
  });

  it("does not send the file's token to another server", async (test) => {
    const env = { HOME: await temporaryFolder(test) };
    await saveServer(env, { server: 'http://file:1', token: 'file' });
    await assert.rejects(resolveServer(io(env), { server: 'http://other:1' }), { code: 'UNAUTHENTICATED' });
  });

  it('refuses a damaged file and an address that is none', async (test) => {
    const env = { HOME: await temporaryFolder(test) };
    await mkdir(dirname(configPath(env)), { recursive: true });
    await writeFile(configPath(env), '{"server": 5}');
    await assert.rejects(resolveServer(io(env), {}), { code: 'INPUT_INVALID' });
    await assert.rejects(resolveServer(io({ HOME: '/nowhere' }), { server: 'localhost:8080', token: 't' }), {
      code: 'INPUT_INVALID',
    });
  });
});

it('the room of the cache is a number of GiB, or is not said', () => {
  assert.equal(cacheLimitBytes({}), undefined);
  assert.equal(cacheLimitBytes({ NODEOS_CACHE_GIB: '40' }), 40 * 1024 ** 3);
  for (const wrong of ['40G', '-1', 'all', '999999'])
    assert.throws(() => cacheLimitBytes({ NODEOS_CACHE_GIB: wrong }), { code: 'INPUT_INVALID' });
});
