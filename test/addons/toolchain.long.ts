import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listBoards } from '@nodeos/firmware/boards.ts';
import { nodeos, runCommand } from '../support/command.ts';
import { missingEmulator, unpackRoot } from '../support/target-root.ts';

const HELLO = `
#include <iostream>
#include <stdexcept>
int main() {
  try { throw std::runtime_error("thrown"); }
  catch (const std::exception &error) { std::cout << error.what() << ' ' << sizeof(void *) << ' ' << 1.5 * 2 << '\\n'; }
}
`;

/** Uses what a 32-bit Node has in libraries, and the JavaScript that Debian's has in files. */
const JUDGE = `
const http = require('node:http');
const hash = require('node:crypto').createHash('sha256').update('x').digest('hex').slice(0, 8);
console.log(process.version, process.arch, hash, new Intl.DateTimeFormat('de', { month: 'long' }).format(0));
const server = http.createServer((request, response) => response.end('fetched')).listen(0, '127.0.0.1', async () => {
  console.log(await (await fetch('http://127.0.0.1:' + server.address().port)).text());
  const { sep } = await import('node:path');
  console.log('module', sep);
  server.close();
});
`;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-toolchain-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const missing = missingEmulator();
const skip = missing !== null && process.env.CI === undefined ? `${missing} is not installed` : false;

for (const board of await listBoards()) {
  describe(board.name, { skip }, () => {
    it('has a root whose Node runs, with text, digests, HTTP and modules', async () => {
      const root = await unpackRoot(board.name, folder);
      const { code, stdout, stderr } = await root.node(['-e', JUDGE]);
      assert.equal(code, 0, stderr);
      const major = board.node.source === 'official' ? '24' : '20';
      const first = new RegExp(`^v${major}\\.\\d+\\.\\d+ ${board.architecture.node} 2d711642 Januar\n`);
      assert.match(stdout, first);
      assert.match(stdout, /fetched\nmodule \/\n$/);
    });

    it('has a toolchain that makes programs for it', async () => {
      const root = await unpackRoot(board.name, folder);
      const place = await mkdtemp(join(folder, 'hello-'));
      await writeFile(join(place, 'hello.cc'), HELLO);
      const script = '$CXX $CXXFLAGS -O2 -o hello hello.cc && $STRIP hello';
      const made = await nodeos(['toolchain', 'exec', '--board', board.name, '--', 'sh', '-c', script], { cwd: place });
      assert.equal(made.code, 0, made.stderr);
      const program = join(place, 'hello');
      const shown = await runCommand('readelf', ['--wide', '--file-header', '--arch-specific', program]);
      assert.match(shown.stdout, root.readelf);
      const pointerBytes = /ELF64/.test(shown.stdout) ? 8 : 4;
      const { stdout, stderr } = await root.run(program, []);
      assert.equal(stdout, `thrown ${pointerBytes} 3\n`, stderr);
    });
  });
}
