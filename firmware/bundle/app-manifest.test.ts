import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appManifestOf, parseAppPackage, parseStartScript, startFile } from './app-manifest.ts';

const base = { name: 'hello', version: '1.0.0', scripts: { start: 'node server.js' } };
const manifest = (source: unknown) => appManifestOf(parseAppPackage(source, 'package.json'), 'package.json');

describe('appManifestOf', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(manifest(base), {
      format: 1,
      name: 'hello',
      version: '1.0.0',
      description: '',
      start: ['node', 'server.js'],
      env: {},
      ports: [],
      devices: [],
      network: 'host',
      memoryMiB: 128,
      probe: null,
      soakMs: 3000,
      swap: 'overlap',
      stopGraceMs: 3000,
    });
  });

  for (const [name, change, start] of [
    ['the explicit setting first', { nodeos: { start: ['node', '--jitless', 'a.js'] } }, ['node', '--jitless', 'a.js']],
    ['the start script next', { bin: './cli.js', main: 'm.js' }, ['node', 'server.js']],
    ['then bin as text', { scripts: {}, bin: './cli.js', main: 'm.js' }, ['node', 'cli.js']],
    ['bin of its own name', { scripts: {}, bin: { other: 'o.js', hello: 'h.js' } }, ['node', 'h.js']],
    ['then main', { scripts: {}, main: 'm.js' }, ['node', 'm.js']],
  ] as const) {
    it(`starts with ${name}`, () => assert.deepEqual(manifest({ ...base, ...change }).start, start));
  }

  for (const [name, nodeos] of [
    ['a web app without a port', { web: true }],
    ['a forwarded port that leads nowhere', { ports: [8080], forward: { 80: 8081 } }],
    ['a forwarded port that the app has itself', { ports: [80, 8080], forward: { 80: 8080 } }],
  ] as const) {
    it(`refuses ${name}`, () => assert.throws(() => manifest({ ...base, nodeos }), { code: 'INPUT_INVALID' }));
  }

  it('strips the scope of the name', () => assert.equal(manifest({ ...base, name: '@acme/hello' }).name, 'hello'));

  it('takes what the device must know, and leaves out what is not set', () => {
    const settings = {
      ports: [8080],
      web: true,
      forward: { 80: 8080 },
      startMs: 60_000,
      user: 'panel',
      dependsOn: ['broker'],
      holdUpdatesMs: 1000,
      data: { version: 2, migrations: { 2: { up: ['node', 'up.js'], down: ['node', 'down.js'] } } },
    };
    const made = Object.entries(manifest({ ...base, nodeos: settings }));
    assert.deepEqual(Object.fromEntries(made.filter(([name]) => Object.hasOwn(settings, name))), settings);
    for (const name of Object.keys(settings).filter((each) => each !== 'ports'))
      assert.ok(!(name in manifest(base)), name);
  });

  it('of a published package: the command before the start script, and a name that fits', () => {
    const source = { ...base, name: '@acme/Socket.io', scripts: { start: 'webpack serve' }, bin: 'cli.js' };
    const { name, start } = appManifestOf(source, 'package.json', true);
    assert.deepEqual([name, start], ['socket-io', ['node', 'cli.js']]);
    assert.throws(() => appManifestOf({ ...base, scripts: {}, main: 'lib.js' }, 'package.json', true), {
      code: 'APP_NO_START',
    });
  });

  it('joins the variables of the start script and of the settings', () => {
    const source = { ...base, scripts: { start: 'A=1 B=2 node x.js' }, nodeos: { env: { B: '3' } } };
    assert.deepEqual(manifest(source).env, { A: '1', B: '3' });
  });

  it('gives a kiosk the screen, and never two versions of it at once', () => {
    const { kiosk, devices, swap } = manifest({ ...base, nodeos: { kiosk: true, devices: ['gpio'] } });
    assert.deepEqual([kiosk, devices, swap], [true, ['gpio', 'display'], 'stop-first']);
    const own = manifest({ ...base, nodeos: { kiosk: true, devices: ['display?'], swap: 'overlap' } });
    assert.deepEqual([own.devices, own.swap], [['display?'], 'overlap']);
    assert.equal('kiosk' in manifest({ ...base, nodeos: { kiosk: false } }), false);
  });

  for (const [name, change, code] of [
    ['no start command', { scripts: {} }, 'APP_NO_START'],
    ['a start script that needs a shell', { scripts: { start: 'tsc && node x.js' } }, 'APP_NO_START'],
    ['a start script of another program', { scripts: { start: 'vite preview' } }, 'APP_NO_START'],
    ['no version', { version: undefined }, 'VERSION_INVALID'],
    ['a version that is not semver', { version: '1.0' }, 'VERSION_INVALID'],
    ['a version with a leading v', { version: 'v1.0.0' }, 'VERSION_INVALID'],
    ['no name', { name: undefined }, 'APP_NAME_INVALID'],
    ['a name in capitals', { name: 'Hello' }, 'APP_NAME_INVALID'],
    ['a name of 33 letters', { name: 'a'.repeat(33) }, 'APP_NAME_INVALID'],
    ['an unknown setting', { nodeos: { prots: [80] } }, 'INPUT_INVALID'],
    ['a port out of range', { nodeos: { ports: [70000] } }, 'INPUT_INVALID'],
    ['a kiosk that needs another app', { nodeos: { kiosk: true, dependsOn: ['clock'] } }, 'INPUT_INVALID'],
    ['an app that needs itself', { nodeos: { dependsOn: ['hello'] } }, 'INPUT_INVALID'],
    ['an unknown kind of device', { nodeos: { devices: ['gpoi'] } }, 'INPUT_INVALID'],
    ['a program of no dependency', { scripts: { start: 'vite' }, dependencies: {} }, 'APP_NO_START'],
    ['a version that is a number', { version: 1 }, 'INPUT_INVALID'],
  ] as const) {
    it(`refuses ${name} with ${code}`, () =>
      assert.throws(() => manifest({ ...base, ...change }), { name: 'NodeosError', code }));
  }
});

describe('parseStartScript', () => {
  for (const script of ['node a.js | tee x', 'node "a b.js"', 'node $FILE', 'node', 'cd x; node a.js', 'node a.js &']) {
    it(`leaves ${script} to a shell`, () => assert.equal(parseStartScript(script), null));
  }
  it('keeps arguments', () =>
    assert.deepEqual(parseStartScript(' node  a.js --port 80 ')?.start, ['node', 'a.js', '--port', '80']));
});

describe('startFile', () => {
  it('skips flags and their values', () => {
    assert.equal(startFile(['node', '--require', './x.cjs', '--enable-source-maps', 'a.js', 'b.js']), 'a.js');
    assert.equal(startFile(['node', '-e', '1']), null);
    assert.equal(startFile(['/app/program']), null);
  });
});
