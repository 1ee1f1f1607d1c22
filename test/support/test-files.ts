import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after } from 'node:test';

/** A folder for the tests of a file, gone when they have ended. */
export function testFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `nodeos-test-${name}-`));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Enough to be taken for a disk: 1 MiB with the signature of a boot sector. */
export function writeEmptyDisk(path: string): string {
  const disk = Buffer.alloc(1_048_576);
  disk.writeUInt16LE(0xaa55, 510);
  writeFileSync(path, disk);
  return path;
}

/** A folder of programs that are shell scripts: their names and what they do. */
export function writePrograms(folder: string, programs: Readonly<Record<string, string>>): string {
  mkdirSync(folder);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

/** A folder with all programs of this computer but those that `isMissing` names. */
export function linkPrograms(folder: string, isMissing: (name: string) => boolean): string {
  mkdirSync(folder);
  const seen = new Set<string>();
  for (const path of (process.env.PATH ?? '').split(delimiter).filter((each) => existsSync(each)))
    for (const name of readdirSync(path, { encoding: 'utf8' })) {
      if (seen.has(name) || isMissing(name)) continue;
      seen.add(name);
      symlinkSync(join(path, name), join(folder, name));
    }
  return folder;
}
