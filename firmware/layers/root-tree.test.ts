import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { ADDON_LIBRARIES, replArguments, rootPrograms, systemArguments } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { layOutRoot, type RootTreeRequest } from './root-tree.ts';

const DATE = 1_700_000_000;
const board: Board = { ...exampleBoard, driverFirmware: [] };
const withWifi: Board = { ...board, wifi: true };
let fixture: LayerFixture;
let request: RootTreeRequest;
before(async () => {
  fixture = await LayerFixture.make();
  const files: Record<string, string> = {
    'usr/share/ca-certificates/mozilla/B.crt': 'B\n\n',
    'usr/share/ca-certificates/mozilla/A.crt': 'A\n',
    'usr/share/zoneinfo/Europe/Vienna': 'TZif',
    'usr/share/zoneinfo/posix/Europe/Vienna': 'TZif',
    'usr/share/zoneinfo/tzdata.zi': 'source',
    'usr/share/doc/libc6/copyright': 'LGPL',
    'usr/bin/sh': 'a shell in some package',
  };
  for (const name of ADDON_LIBRARIES) files[`usr/lib/x86_64-linux-gnu/${name}`] = name;
  for (const { path } of rootPrograms(withWifi)) files[path.slice(1)] = path;
  const { dir: packages } = await fixture.artefact('packages', files);
  const { dir } = await fixture.artefact('ours', { 'agent.js': 'agent', launcher: 'launcher', node: 'node' });
  // A careless umask on the building machine.
  await chmod(join(dir, 'agent.js'), 0o600);
  request = {
    board,
    packages,
    digests: packages,
    node: dir,
    files: {
      '/usr/lib/nodeos/agent.js': join(dir, 'agent.js'),
      '/usr/lib/nodeos/launcher': join(dir, 'launcher'),
    },
    systemArguments: systemArguments(board),
    complete: true,
    modified: DATE,
  };
});
after(() => fixture.remove());

async function layOut(name: string, changes: Partial<RootTreeRequest> = {}): Promise<string> {
  const tree = join(fixture.folder, name);
  await mkdir(tree);
  await layOutRoot(tree, { ...request, ...changes });
  return tree;
}

describe('layOutRoot', () => {
  it('takes the named programs and no other, so no shell', async () => {
    const tree = await layOut('complete');
    assert.deepEqual((await readdir(join(tree, 'usr/bin'))).sort(), ['node', 'npm']);
    assert.deepEqual((await readdir(join(tree, 'usr/sbin'))).sort(), [
      'dhcpcd',
      'e2fsck',
      'fsck.ext4',
      'mke2fs',
      'mkfs.ext4',
      'resize2fs',
    ]);
  });

  it('takes the program that joins WiFi networks where the board has a radio', async () => {
    const programs = await readdir(join(await layOut('wifi', { board: withWifi }), 'usr/sbin'));
    assert.ok(programs.includes('wpa_supplicant'), programs.join());
  });

  it('gives modes, dates and links that do not depend on the host', async () => {
    const tree = await layOut('modes');
    const mode = async (path: string): Promise<number> => (await stat(join(tree, path))).mode & 0o7777;
    assert.equal(await mode('tmp'), 0o1777);
    assert.equal(await mode('root'), 0o700);
    assert.equal(await mode('usr/lib/nodeos/agent.js'), 0o644);
    assert.equal(await mode('usr/lib/nodeos/launcher'), 0o755);
    assert.equal(await mode('usr/sbin/e2fsck'), 0o755);
    for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isSymbolicLink()) assert.equal((await stat(path)).mtimeMs, DATE * 1000, path);
    }
    assert.equal(await readlink(join(tree, 'lib64')), 'usr/lib64');
    assert.equal(await readlink(join(tree, 'etc/resolv.conf')), '/run/nodeos/dns/resolv.conf');
    assert.equal(
      await readlink(join(tree, 'usr/lib64/ld-linux-x86-64.so.2')),
      '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    );
  });

  it('puts the certificates into one file in the order of their names, and leaves doubled time zones out', async () => {
    const tree = await layOut('data');
    assert.equal(await readFile(join(tree, 'etc/ssl/certs/ca-certificates.crt'), 'utf8'), 'A\nB\n');
    const zones = await readdir(join(tree, 'usr/share/zoneinfo'), { recursive: true });
    assert.deepEqual(zones.sort(), ['Europe', 'Europe/Vienna']);
    assert.equal(await readFile(join(tree, 'usr/share/doc/libc6/copyright'), 'utf8'), 'LGPL');
  });

  it('names the agent as the system process, one argument a line', async () => {
    const tree = await layOut('argv');
    const text = await readFile(join(tree, 'etc/nodeos/system.argv'), 'utf8');
    assert.equal(text, '/usr/bin/node\n--max-old-space-size=64\n/usr/lib/nodeos/agent.js\n');
  });

  it('has only Node, its libraries and /etc for barebones', async () => {
    const tree = await layOut('barebones', { complete: false, files: {}, systemArguments: replArguments() });
    assert.equal(await readFile(join(tree, 'etc/nodeos/system.argv'), 'utf8'), '/usr/bin/node\n--interactive\n');
    for (const path of ['usr/sbin', 'usr/share', 'usr/lib/nodeos'])
      await assert.rejects(stat(join(tree, path)), { code: 'ENOENT' });
  });

  it('links the libraries of a Node that has its own, and brings the JavaScript that it reads from files', async () => {
    const { dir: node } = await fixture.artefact('node', { 'lib/empty': '' });
    const compile = (output: string, ...more: string[]): Promise<unknown> => {
      const input = 'const char *path = "/usr/share/nodejs/acorn/dist/acorn.js"; void start(void) {}\n';
      return runTool('gcc', ['-nostdlib', '-fPIC', '-shared', '-o', output, '-x', 'c', '-', ...more], {
        cwd: node,
        input,
      });
    };
    await compile('lib/libnode.so.115', '-Wl,-soname,libnode.so.115');
    await compile('node', '-Wl,--no-as-needed', '-x', 'none', 'lib/libnode.so.115');
    await assert.rejects(layOut('without-module', { node }), { code: 'SOURCE_MISMATCH', message: /acorn\.js/ });
    const module = join(request.packages, 'usr/share/nodejs/acorn/dist/acorn.js');
    await mkdir(join(module, '..'), { recursive: true });
    await writeFile(module, 'acorn');
    const debian: Board = { ...board, node: { source: 'debian', systemFlags: [] } };
    const tree = await layOut('debian', { node, board: debian, digests: null });
    const link = await readlink(join(tree, 'usr/lib/x86_64-linux-gnu/libnode.so.115'));
    assert.equal(join('/usr/lib/x86_64-linux-gnu', link), '/opt/node/lib/libnode.so.115');
    assert.equal(await readFile(join(tree, 'usr/share/nodejs/acorn/dist/acorn.js'), 'utf8'), 'acorn');
    assert.equal(await readlink(join(tree, 'usr/lib/ssl/cert.pem')), '/etc/ssl/certs/ca-certificates.crt');
  });

  it('puts the firmware of drivers where they ask for it, with its licence, and misses none', async () => {
    const { dir: packages } = await fixture.artefact('packages', {
      'usr/lib/firmware/brcm/chip.bin': 'blob',
      'usr/lib/firmware/regulatory.db-upstream': 'rules',
      'usr/share/doc/firmware-chip/copyright': 'for this chip only',
    });
    const firmware = (...files: string[]): Board => ({
      ...board,
      driverFirmware: [{ package: 'firmware-chip', files: files.map((file) => `usr/lib/firmware/${file}`) }],
    });
    const tree = await layOut('firmware', { packages, board: firmware('brcm/chip.bin', 'regulatory.db-upstream') });
    assert.deepEqual((await readdir(join(tree, 'usr/lib/firmware'))).sort(), ['brcm', 'regulatory.db']);
    assert.equal(await readFile(join(tree, 'usr/lib/firmware/brcm/chip.bin'), 'utf8'), 'blob');
    assert.equal(await readFile(join(tree, 'usr/share/doc/firmware-chip/copyright'), 'utf8'), 'for this chip only');
    const lost = layOut('lost-firmware', { packages, board: firmware('brcm/lost.bin') });
    await assert.rejects(lost, { code: 'SOURCE_MISMATCH', message: /example needs .*lost\.bin.*firmware-chip/ });
  });

  it('says which library a program needs that no package holds', async () => {
    const file = join(request.packages, 'usr/lib/x86_64-linux-gnu/libm.so.6');
    const text = await readFile(file);
    await rm(file);
    await assert.rejects(layOut('missing'), { code: 'SOURCE_MISMATCH', message: /libm\.so\.6/ });
    await writeFile(file, text);
  });
});
