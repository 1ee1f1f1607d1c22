import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianMirrors, parseSourcesList, parseSourcesStanzas, transportSettings } from './apt-sources.ts';

test('reads the one-line format: options skipped, sources and comments ignored', () => {
  const text = [
    '# deb http://old.example/debian trixie main',
    'deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ bookworm main contrib # why',
    'deb-src http://a.example/debian bookworm main',
    'deb http://flat.example/ ./',
  ].join('\n');
  assert.deepEqual(parseSourcesList(text), [
    { uris: ['http://a.example/debian/'], suites: ['bookworm'], components: ['main', 'contrib'] },
    { uris: ['http://flat.example/'], suites: ['./'], components: [] },
  ]);
});

test('reads deb822 stanzas with continuation lines, without disabled ones and sources', () => {
  const text = `# comment
Types: deb deb-src
URIs: http://a.example/debian
 http://b.example/debian
Suites: trixie trixie-updates
# a comment inside
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF

Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: trixie
Components: main
`;
  assert.deepEqual(parseSourcesStanzas(text), [
    {
      uris: ['http://a.example/debian', 'http://b.example/debian'],
      suites: ['trixie', 'trixie-updates'],
      components: ['main'],
    },
  ]);
});

test('picks Debian suites only, keeps the security archive apart, drops CDs and other vendors', () => {
  const source = (uri: string, suite: string, component = 'main') => ({
    uris: [uri],
    suites: [suite],
    components: [component],
  });
  assert.deepEqual(
    debianMirrors([
      source('cdrom:[Debian]/', 'bookworm'),
      source('http://vendor.example/repo', 'nodistro'),
      source('http://other.example/ubuntu', 'noble'),
      source('http://a.example/debian/', 'bookworm'),
      source('http://a.example/debian', 'bookworm-updates'),
      source('http://contrib.example/debian', 'bookworm', 'contrib'),
      source('mirror+file:/etc/apt/mirrors/debian.list', 'trixie'),
      source('http://s.example/debian-security', 'bookworm-security'),
    ]),
    {
      main: ['http://a.example/debian', 'mirror+file:/etc/apt/mirrors/debian.list'],
      security: ['http://s.example/debian-security'],
    },
  );
});

test('keeps proxies and time-outs of the host, drops hooks, targets and loosened checks', () => {
  const dump = [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::Verify-Peer "true";',
    'Acquire::Retries "3";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::AllowInsecureRepositories "1";',
    'Acquire::AllowDowngradeToInsecureRepositories "1";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    'APT::Update::Pre-Invoke:: "touch /tmp/hook";',
    'DPkg::Post-Invoke:: "touch /tmp/hook";',
    'Dir::Etc "etc/apt";',
  ].join('\n');
  assert.deepEqual(transportSettings(dump), [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::Verify-Peer "true";',
    'Acquire::Retries "3";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});
