import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CommandResult, nodeos, runCommand } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';
import { missingEmulator, unpackRoot } from '../support/target-root.ts';

const SQLITE_FOR_NODE_20 = '12.11.1';
const SQLITE_FOR_NODE_22 = '13.2.0';
const COMMON = { epoll: '4.0.2', 'i2c-bus': '5.2.3', serialport: '13.0.0' };
const SHARP = { sharp: '0.35.5' };

/** A board of each ABI. Where sharp has no files, it must be refused. */
const BOARDS = [
  { name: 'x86_64-usb', sqlite: SQLITE_FOR_NODE_22, sharp: null },
  { name: 'raspberrypi4', sqlite: SQLITE_FOR_NODE_22, sharp: null },
  { name: 'orangepi-pc', sqlite: SQLITE_FOR_NODE_20, sharp: null },
  {
    name: 'raspberrypi0',
    sqlite: SQLITE_FOR_NODE_20,
    sharp: /sharp-linux-arm.*\.node \(made for hard floating point\)/,
  },
  { name: 'i686-usb', sqlite: SQLITE_FOR_NODE_20, sharp: /no machine code for i686-usb .* of sharp/ },
] as const;

/** Uses each addon that is there; each line of the answer is one of them. */
const PROGRAM = `
const load = require('node:module').createRequire(process.argv[2] + '/main.js');
const has = (name) => { try { load.resolve(name); return true; } catch { return false; } };
const Database = load('better-sqlite3');
const database = new Database(':memory:');
database.exec('create table t (x)');
database.prepare('insert into t values (?)').run(42);
console.log('sqlite', database.prepare('select x from t').get().x);
const { Epoll } = load('epoll');
const poll = new Epoll(() => {});
poll.close();
console.log('epoll', poll.closed);
console.log('i2c', typeof load('i2c-bus').openSync(77).i2cReadSync);
const { SerialPort } = load('serialport');
new SerialPort({ path: '/dev/null', baudRate: 9600 }, (error) => console.log('serial', error.message));
if (has('sharp')) {
  const red = { width: 8, height: 8, channels: 3, background: 'red' };
  load('sharp')({ create: red }).raw().toBuffer().then((bytes) => console.log('sharp', bytes[0], bytes.length));
}
`;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-addons-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function makeApp(name: string, dependencies: Record<string, string>): Promise<string> {
  const app = await mkdtemp(join(folder, 'app-'));
  const manifest = { name, version: '1.0.0', scripts: { start: 'node main.js' }, files: ['main.js'], dependencies };
  await writeFile(join(app, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(app, 'main.js'), '');
  const locked = await runCommand('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: app });
  assert.equal(locked.code, 0, locked.stderr);
  return app;
}

const bundle = (app: string, board: string): Promise<CommandResult> =>
  nodeos(['bundle', app, '--board', board, '--out', join(app, 'app.sqfs')]);

const missing = missingEmulator();
const skip = missing !== null && process.env.CI === undefined ? `${missing} is not installed` : false;

for (const { name, sqlite, sharp } of BOARDS) {
  describe(`native addons for ${name}`, { skip }, () => {
    it('are made or chosen for it, and its own Node loads and uses each', async () => {
      const root = await unpackRoot(name, folder);
      const app = await makeApp('addons', { ...COMMON, ...(sharp === null && SHARP), 'better-sqlite3': sqlite });
      const result = await bundle(app, name);
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, new RegExp(`for ${root.abi}\n`));
      const unpacked = join(app, 'bundle');
      await runCommand('unsquashfs', ['-q', '-d', unpacked, join(app, 'app.sqfs')]);
      const addons = (await readdir(unpacked, { recursive: true })).filter((path) => path.endsWith('.node'));
      assert.ok(addons.length >= 4, addons.join());
      for (const path of addons) {
        const shown = await runCommand('readelf', ['--wide', '--file-header', '--arch-specific', join(unpacked, path)]);
        assert.match(shown.stdout, root.readelf, path);
      }
      await writeFile(join(app, 'use.cjs'), PROGRAM);
      const used = await root.node([join(app, 'use.cjs'), unpacked]);
      assert.equal(used.code, 0, used.stderr);
      const lines = used.stdout.trim().split('\n').sort();
      const expected = [/^epoll true$/, /^i2c function$/, /^serial .*(ioctl|configuration|\/dev\/null)/, /^sqlite 42$/];
      if (sharp === null) expected.splice(3, 0, /^sharp 255 192$/);
      assert.equal(lines.length, expected.length, used.stdout);
      for (const [index, line] of lines.entries()) assert.match(line, expected[index] as RegExp);
    });

    if (sharp !== null)
      it('are refused by name where a package has none for it', async () => {
        assertRefused(await bundle(await makeApp('images', SHARP), name), 'RELEASE_INCOMPATIBLE', sharp);
      });

    if (sqlite === SQLITE_FOR_NODE_20)
      it('are refused where the package asks for a newer Node, before anything is compiled', async () => {
        const app = await makeApp('newer', { 'better-sqlite3': SQLITE_FOR_NODE_22 });
        const result = await bundle(app, name);
        assertRefused(result, 'RELEASE_INCOMPATIBLE', /better-sqlite3 \(needs Node >=22, the board has 20\./);
        assert.doesNotMatch(result.stderr, /gyp/);
      });
  });
}
