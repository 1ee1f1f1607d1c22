import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findFolderUsers } from './folder-users.ts';

const rootOnly = { skip: process.getuid?.() !== 0 && 'needs root rights' };

async function usersFolder(t: TestContext) {
  const users = await mkdtemp(join(tmpdir(), 'nodeos-users-'));
  t.after(() => rm(users, { recursive: true }));
  async function add(name: string, uid: number, init: { uid?: number; mode?: number } | null = {}): Promise<void> {
    await mkdir(join(users, name));
    if (init) {
      await writeFile(join(users, name, 'init'), '#!/usr/bin/node\n');
      await chmod(join(users, name, 'init'), init.mode ?? 0o755);
      await chown(join(users, name, 'init'), init.uid ?? uid, init.uid ?? uid);
    }
    await chown(join(users, name), uid, uid);
  }
  const faults: string[] = [];
  const find = async () =>
    (await findFolderUsers(users, (reason) => faults.push(reason))).map(({ manifest }) => manifest);
  return { users, add, faults, find };
}

test('every folder with an executable init is a user, root the first', rootOnly, async (t) => {
  const { users, add, faults, find } = await usersFolder(t);
  for (const [at, name] of ['zoo', 'alpha', 'root', '.hidden', 'lost+found'].entries()) await add(name, 2000 + at);
  await add('home-of-an-app', 10_000, null);
  await writeFile(join(users, 'a-file'), '');
  const found = await find();
  assert.deepEqual(
    found.map(({ name, start }) => [name, ...start]),
    [
      ['root', '/init'],
      ['alpha', '/init'],
      ['zoo', '/init'],
    ],
  );
  assert.deepEqual(faults, []);
});

test('a folder that cannot be a user is told and keeps nobody from starting', rootOnly, async (t) => {
  const { users, add, faults, find } = await usersFolder(t);
  await add('good', 2000);
  await add('not-executable', 2001, { mode: 0o644 });
  await add('of-another', 2002, { uid: 2000 });
  await add('of-the-system', 0);
  await add('Big Name', 2003);
  await add('link', 2004, null);
  await symlink('/bin/sh', join(users, 'link/init'));
  assert.deepEqual(
    (await find()).map(({ name }) => name),
    ['good'],
  );
  const text = faults.sort().join('\n');
  for (const [name, reason] of [
    ['Big Name', 'a user’s name'],
    ['link', 'its init is not a file'],
    ['not-executable', 'its init is not executable'],
    ['of-another', 'its init belongs to uid 2000, the folder to 2002'],
    ['of-the-system', 'its folder belongs to uid or gid 0'],
  ])
    assert.match(text, new RegExp(`^USER_INVALID: ${name} is not started: ${reason}`, 'm'));
  assert.equal(faults.length, 5);
});

test('what a user is given stands in a file that only root can have written', rootOnly, async (t) => {
  const { users, add, faults, find } = await usersFolder(t);
  for (const name of ['given', 'default', 'forged', 'reached', 'unreached', 'wrong']) await add(name, 2000);
  await mkdir(join(users, '.grants'));
  const grant = (name: string, text: string): Promise<void> => writeFile(join(users, `.grants/${name}.json`), text);
  await grant('given', '{"devices":["gpio"],"network":"none","memoryMiB":64,"diskMiB":100,"env":{"A":"1"}}');
  await grant('forged', '{"devices":["gpio"]}');
  await chown(join(users, '.grants/forged.json'), 2000, 2000);
  await grant('wrong', '{"device":"gpio"}');
  await grant('reached', '{"ports":[8080],"web":true,"forward":{"80":8080}}');
  await grant('unreached', '{"web":true}');
  const [plain, given, reached, ...others] = await find();
  assert.deepEqual([reached?.ports, reached?.web, reached?.forward], [[8080], true, { 80: 8080 }]);
  assert.match(faults.join('\n'), /unreached is not started: .*web leads to the first of ports, and there is none/);
  assert.deepEqual([given?.devices, given?.network, given?.env], [['gpio'], 'none', { A: '1' }]);
  assert.deepEqual([given?.memoryMiB, given?.diskMiB, plain?.diskMiB], [64, 100, undefined]);
  assert.deepEqual([plain?.devices, plain?.network, plain?.memoryMiB, others], [[], 'host', 128, []]);
  assert.match(faults.join('\n'), /forged is not started: .*can be written by others than root/);
  assert.match(faults.join('\n'), /wrong is not started: .*wrong\.json is not valid/);
});

test('where there is no folder of users there are none', async () => {
  assert.deepEqual(await findFolderUsers('/none', assert.fail), []);
});
