import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { openFat } from '@nodeos/contracts/fat.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { appTargetPath } from '@nodeos/contracts/release.ts';
import { type Destination, download } from '@nodeos/device-agent/src/trust/download.ts';
import { findTarget } from '@nodeos/device-agent/src/trust/metadata.ts';
import { answerWith, TestHttp, TestRepository } from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import { systemDisk } from '@nodeos/device-agent/src/updater/disk.ts';
import fc from 'fast-check';
import { damagedBytes } from './damage.ts';
import { temporaryFolder } from './folder.ts';
import type { Parser } from './parsers.ts';

const TARGET = appTargetPath('hello', '1.0.0', 'any');
const CONTENT = Buffer.alloc(5_000, 'bundle');

async function orCodedError<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (isNodeosError(error)) return null;
    throw error;
  }
}

/** A destination in memory. */
function memoryDestination(): Destination & { content: Buffer; whole: boolean } {
  return {
    content: Buffer.alloc(0),
    whole: false,
    get held() {
      return this.content.length;
    },
    async append(piece) {
      this.content = Buffer.concat([this.content, piece]);
    },
    async keep() {},
    async discard() {
      this.content = Buffer.alloc(0);
    },
    async digest() {
      return createHash('sha256').update(this.content).digest('hex');
    },
    async complete() {
      this.whole = true;
    },
  };
}

const rangeHeader = fc.oneof(
  fc.string(),
  fc
    .tuple(
      fc.integer({ min: -1, max: 6_000 }),
      fc.integer({ min: -1, max: 6_000 }),
      fc.constantFrom('5000', '*', '4999', '0'),
    )
    .map(([from, to, all]) => `bytes ${from}-${to}/${all}`),
);

export const TRUST_PARSERS: readonly Parser[] = [
  {
    name: 'TUF metadata of a server that lies',
    property: () => {
      const repository = new TestRepository();
      repository.addTarget(TARGET, CONTENT, { kind: 'app', app: appManifest('1.0.0'), notes: '' });
      const sha256 = createHash('sha256').update(CONTENT).digest('hex');
      const { versions } = repository;
      const names = [
        'timestamp.json',
        `${versions.snapshot}.snapshot.json`,
        `${versions.targets}.targets.json`,
        '2.root.json',
      ];
      const file = (name: string) => repository.files.get(name) ?? repository.root;
      const lie = fc.constantFrom(...names).chain((name) => fc.tuple(fc.constant(name), damagedBytes(file(name))));
      const parent = temporaryFolder();
      return fc.asyncProperty(lie, async ([name, octets]) => {
        const folder = mkdtempSync(join(parent, 'device-'));
        writeFileSync(join(folder, 'root.json'), repository.root);
        const http = new TestHttp(repository);
        http.intercept = (path) => (path === `/tuf/${name}` ? answerWith(200, Buffer.from(octets)) : null);
        const found = await orCodedError(() =>
          findTarget(
            {
              ...{ http, disk: systemDisk, stateDir: folder, slotDir: folder, runDir: folder, log: () => {} },
              ...{ now: () => Date.parse('2026-11-21'), buildTimeMs: 0, limits: DEVICE_LIMITS },
            },
            TARGET,
          ),
        );
        if (found) assert.deepEqual([found.sha256, found.length], [sha256, CONTENT.length]);
        rmSync(folder, { recursive: true });
      });
    },
  },
  {
    name: 'status, Content-Range and length of a download',
    property: () => {
      const source = {
        fetchPath: '/targets/x',
        length: CONTENT.length,
        sha256: createHash('sha256').update(CONTENT).digest('hex'),
      };
      const answer = fc.record({
        status: fc.constantFrom(200, 206, 206, 301, 304, 404, 416, 500),
        range: fc.option(rangeHeader),
        encoding: fc.constantFrom(undefined, 'identity', 'gzip'),
        octets: fc.oneof(
          fc.constant(CONTENT),
          fc.nat({ max: 5_000 }).map((from) => CONTENT.subarray(from)),
          damagedBytes(CONTENT),
        ),
      });
      return fc.asyncProperty(fc.array(answer, { maxLength: 6 }), fc.nat({ max: 5_100 }), async (answers, held) => {
        const destination = memoryDestination();
        destination.content = Buffer.from(Buffer.concat([CONTENT, CONTENT]).subarray(0, held));
        let asked = 0;
        const http = {
          request: async () => {
            const next = answers[asked++];
            if (!next) return answerWith(503, Buffer.alloc(0));
            const headers: Record<string, string> = {};
            if (next.range !== null) headers['content-range'] = next.range;
            if (next.encoding !== undefined) headers['content-encoding'] = next.encoding;
            return answerWith(next.status, Buffer.from(next.octets), headers);
          },
        };
        await orCodedError(() => download(http, source, destination, { limits: DEVICE_LIMITS }));
        assert.ok(asked <= answers.length + 1, `${asked} requests`);
        if (destination.whole) assert.ok(destination.content.equals(CONTENT));
      });
    },
  },
  {
    name: 'FAT volume',
    property: () => {
      const folder = temporaryFolder();
      const image = join(folder, 'volume');
      writeFileSync(image, '');
      truncateSync(image, 300 * 1024);
      execFileSync('mkfs.vfat', ['--invariant', image], { stdio: 'pipe' });
      writeFileSync(join(folder, 'file'), Buffer.alloc(3_000, 'k'));
      execFileSync('mmd', ['-i', image, '::grub'], { stdio: 'pipe' });
      for (const name of ['kernel', 'grub/grubenv', 'a long name.json'])
        execFileSync('mcopy', ['-i', image, join(folder, 'file'), `::${name}`], { stdio: 'pipe' });
      const whole = readFileSync(image);
      // Boot sector, allocation table and folders are where a reader can be led astray.
      const places = fc.array(fc.tuple(fc.nat({ max: 20_000 }), fc.nat({ max: 255 })), { maxLength: 12 });
      return fc.property(places, fc.nat({ max: whole.length }), fc.boolean(), (changes, end, cut) => {
        const volume = Buffer.from(cut ? whole.subarray(0, end) : whole);
        for (const [at, value] of changes) if (at < volume.length) volume[at] = value;
        try {
          const fat = openFat((offset, length) => volume.subarray(offset, offset + length));
          for (const { name, directory } of fat.list('/')) {
            if (directory) fat.list(`/${name}`);
            else for (const piece of fat.chunks(`/${name}`)) assert.ok(piece.length <= 65_536);
          }
          assert.ok(fat.locate('/grub/grubenv').offset < volume.length + 1_048_576);
        } catch (error) {
          if (!isNodeosError(error)) throw error;
        }
      });
    },
  },
];
