import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { aptConfiguration, findMirrors } from './apt-root.ts';

test('the private configuration names no folder of the host but the keys to its mirrors', () => {
  const host =
    'Acquire::http::Proxy "http://proxy.example";\nDPkg::Post-Invoke:: "hook";\nDir::State "/var/lib/apt";\n';
  const text = aptConfiguration('/cache/apt/x', 'arm64', host);
  assert.match(text, /^Acquire::http::Proxy "http:\/\/proxy\.example";$/m);
  assert.match(text, /^APT::Architecture "arm64";$/m);
  assert.match(text, /^Dir::Etc::parts "\/cache\/apt\/x\/etc\/parts";$/m);
  assert.doesNotMatch(text, /hook|\/var\/lib\/apt/);
  const folders = [...text.matchAll(/^Dir\S* "([^"]+)"/gm)].map((match) => match[1] ?? '');
  assert.deepEqual(
    folders.filter((folder) => !folder.startsWith('/cache/apt/x')),
    ['/etc/apt/auth.conf', '/etc/apt/auth.conf.d'],
  );
});

async function withAptFolder(files: Record<string, string>, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-apt-'));
  try {
    await mkdir(join(folder, 'sources.list.d'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('mirrors come from both formats of the host; files that apt ignores are ignored', async () => {
  const files = {
    'sources.list': 'deb http://one.example/debian bookworm main\n',
    'sources.list.d/two.sources': 'Types: deb\nURIs: http://two.example/debian\nSuites: trixie\nComponents: main\n',
    'sources.list.d/three.list.disabled': 'deb http://three.example/debian trixie main\n',
  };
  await withAptFolder(files, async (folder) => {
    assert.deepEqual(await findMirrors({}, folder), {
      main: ['http://one.example/debian', 'http://two.example/debian'],
      security: [],
    });
  });
});

test('NODEOS_DEBIAN_MIRROR replaces the mirrors of the host', async () => {
  const files = { 'sources.list': 'deb http://one.example/debian bookworm main\n' };
  await withAptFolder(files, async (folder) => {
    const mirrors = await findMirrors({ NODEOS_DEBIAN_MIRROR: 'http://mine.example/debian' }, folder);
    assert.deepEqual(mirrors.main, ['http://mine.example/debian']);
  });
});

test('a host without a Debian mirror is an error that names the variable to set', async () => {
  await withAptFolder({ 'sources.list': 'deb http://one.example/ubuntu noble main\n' }, async (folder) => {
    await assert.rejects(findMirrors({}, folder), (error: unknown) => {
      return isNodeosError(error) && error.code === 'HOST_UNSUPPORTED' && /NODEOS_DEBIAN_MIRROR/.test(error.hint);
    });
  });
});
