import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { testContext, writeTree } from './bundle.testing.ts';
import { boardNodeVersion, checkEngines, engineMisfit } from './engines.ts';

test('engines are compared as npm does; what is no range asks for nothing', () => {
  assert.match(
    engineMisfit({ engines: { node: '>=22' } }, '20.19.2') ?? '',
    /needs Node >=22, the board has 20\.19\.2/,
  );
  for (const manifest of [
    { engines: { node: '>=20 || 18' } },
    { engines: { node: 'lts' } },
    { engines: ['node'] },
    {},
    null,
  ])
    assert.equal(engineMisfit(manifest, '20.19.2'), null);
});

test('each board has the Node of the lock file', async () => {
  assert.match(await boardNodeVersion(exampleBoard), /^24\./);
  const { architecture } = exampleBoard;
  const armhf: Parameters<typeof boardNodeVersion>[0] = {
    architecture: { ...architecture, debian: 'armhf' },
    node: { source: 'debian', systemFlags: [] },
  };
  assert.match(await boardNodeVersion(armhf), /^20\./);
});

test('an app that asks for another Node is refused; a dependency that does is named', async (context) => {
  const messages: string[] = [];
  const installed = { packages: { 'node_modules/old': { engines: { node: '<10' } }, 'node_modules/any': {} } };
  const folder = await writeTree(context, { 'package.json': {}, 'node_modules/.package-lock.json': installed });
  await checkEngines(testContext(folder, messages), folder, exampleBoard);
  assert.equal(messages.length, 1);
  assert.match(messages[0] ?? '', /old needs Node <10/);
  const other = await writeTree(context, { 'package.json': { engines: { node: '18' } } });
  await assert.rejects(checkEngines(testContext(other), other, exampleBoard), { code: 'RELEASE_INCOMPATIBLE' });
});
