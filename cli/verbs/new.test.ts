import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { appManifestOf, parseAppPackage } from '@nodeos/firmware/bundle/app-manifest.ts';
import { Aedes } from 'aedes';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

describe('nodeos new', () => {
  it('makes an app that has the name of its folder', async (test) => {
    const cwd = await temporaryFolder(test);
    const { code, stdout } = await runForTest(['new', 'my-kiosk'], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /cd my-kiosk/);
    assert.equal(JSON.parse(await readFile(join(cwd, 'my-kiosk/package.json'), 'utf8')).name, 'my-kiosk');
    assert.deepEqual((await readdir(join(cwd, 'my-kiosk'))).sort(), [
      '.gitignore',
      '.vscode',
      'README.md',
      'package.json',
      'server.js',
    ]);
    assert.deepEqual(await readdir(cwd), ['my-kiosk']);
  });

  for (const [name, argv, code] of [
    ['a name that is none for an app', ['new', 'My Kiosk'], 'APP_NAME_INVALID'],
    ['an unknown template', ['new', 'kiosk', '--template', 'nope'], 'NOT_FOUND'],
    ['a template outside of the folder', ['new', 'kiosk', '--template', '../verbs'], 'NOT_FOUND'],
    ['a folder that is not empty', ['new', 'full'], 'INPUT_INVALID'],
  ] as const) {
    it(`refuses ${name} and leaves nothing behind`, async (test) => {
      const cwd = await temporaryFolder(test);
      await mkdir(join(cwd, 'full'));
      await writeFile(join(cwd, 'full/file'), '');
      const result = await runForTest(argv, { cwd });
      assert.equal(result.code, 1);
      assert.match(result.stderr, new RegExp(`^error ${code}: `));
      assert.deepEqual(await readdir(cwd), ['full']);
    });
  }

  it('lets an editor complete the settings of the app', async (test) => {
    const cwd = await temporaryFolder(test);
    await runForTest(['new', 'my-kiosk'], { cwd });
    const read = async (file: string) => JSON.parse(await readFile(join(cwd, 'my-kiosk', file), 'utf8'));
    const [{ fileMatch, url }] = (await read('.vscode/settings.json'))['json.schemas'];
    assert.deepEqual(fileMatch, ['/package.json']);
    assert.ok((await read(url)).properties.nodeos.properties.probe);
  });

  for (const template of readdirSync(new URL('../templates', import.meta.url)))
    it(`the template ${template} is an app with settings that fit, named in the help`, async (test) => {
      const cwd = await temporaryFolder(test);
      assert.equal((await runForTest(['new', 'my-app', '--template', template], { cwd })).code, 0);
      const source = JSON.parse(await readFile(join(cwd, 'my-app/package.json'), 'utf8'));
      const { name, start } = appManifestOf(parseAppPackage(source, template), template);
      assert.equal(name, 'my-app');
      assert.equal(spawnSync(process.execPath, ['--check', join(cwd, 'my-app', start[1] as string)]).status, 0);
      assert.match((await runForTest(['new', '--help'], { cwd })).stdout, new RegExp(`\\b${template}\\b`));
      const ignored = await readFile(join(cwd, 'my-app/.gitignore'), 'utf8');
      assert.match(ignored, /node_modules/);
    });

  it('the sign of its template draws itself on a computer: the link is read from the picture', async (test) => {
    const cwd = await temporaryFolder(test);
    await runForTest(['new', 'hall', '--template', 'kiosk-sign'], { cwd });
    assert.deepEqual((await readdir(join(cwd, 'hall/vendor'))).sort(), ['app', 'display']);
    await symlink(new URL('../../node_modules', import.meta.url).pathname, join(cwd, 'hall/node_modules'));
    const { status, stdout } = spawnSync(process.execPath, ['main.js'], { cwd: join(cwd, 'hall'), encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /see screen\.png/);
    if (spawnSync('zbarimg', ['--version']).error)
      return test.diagnostic('zbarimg is not installed: the picture is not read');
    const seen = spawnSync('zbarimg', ['-q', '--raw', join(cwd, 'hall/screen.png')], { encoding: 'utf8' });
    assert.equal(seen.stdout, 'https://example.org\n');
  });

  it('the sensor of its template reports to a real broker', async (test) => {
    const cwd = await temporaryFolder(test);
    await runForTest(['new', 'porch', '--template', 'sensor-mqtt'], { cwd });
    await symlink(new URL('../../node_modules', import.meta.url).pathname, join(cwd, 'porch/node_modules'));
    const broker = await Aedes.createBroker();
    const server = createServer(broker.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const published = new Promise<{ topic: string; payload: unknown }>((resolve) =>
      broker.on('publish', ({ topic, payload }) => {
        if (topic.startsWith('sensors/')) resolve({ topic, payload });
      }),
    );
    const env = { MQTT_URL: `mqtt://127.0.0.1:${port}`, PORT: '0', NODEOS_APP: 'porch' };
    const app = spawn(process.execPath, ['main.js'], { cwd: join(cwd, 'porch'), env, stdio: 'inherit' });
    const { topic, payload } = await published;
    app.kill('SIGTERM');
    assert.deepEqual(await once(app, 'exit'), [0, null]);
    broker.close();
    server.close();
    assert.equal(topic, 'sensors/porch');
    assert.ok(JSON.parse(String(payload)).freeMiB > 0);
  });
});
