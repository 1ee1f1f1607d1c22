import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { chooseCuts } from './qemu/cuts.ts';
import { serveDisk } from './qemu/nbd-server.ts';
import { materialise, noteChanges, planCut, type WriteLog } from './qemu/write-log.ts';
import { seededRandom } from './twin/random.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-write-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (sector: number, letter: string, durable = false) => ({
  offset: sector * 512,
  data: Buffer.alloc(512, letter),
  durable,
});
/** a and b, flush, c, d (forced), e. */
const LOG: WriteLog = {
  writes: [write(0, 'a'), write(1, 'b'), write(0, 'c'), write(2, 'd', true), write(3, 'e')],
  flushes: [2],
};

async function left(count: number, losses: Parameters<typeof materialise>[4], seed = 1): Promise<string> {
  const [base, target] = [join(folder, 'base'), join(folder, 'left')];
  writeFileSync(base, Buffer.alloc(4 * 512, '-'));
  await materialise(base, target, LOG, count, losses, seededRandom(seed));
  const content = readFileSync(target, 'latin1');
  return [0, 1, 2, 3].map((sector) => content[sector * 512]).join('');
}

test('what a cut leaves: all, or what was flushed or forced', async () => {
  assert.equal(await left(5, 'nothing lost'), 'cbde');
  assert.equal(await left(5, 'unsynced lost'), 'abd-');
  assert.equal(await left(2, 'unsynced lost'), '----', 'the flush had not been asked for yet');
  assert.equal(await left(3, 'unsynced lost'), 'ab--');
});

test('what a cut leaves: any part of what was not flushed, and nothing less', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) seen.add(await left(5, 'some lost', seed));
  for (const content of seen) assert.match(content, /^[ac]bd[-e]$/);
  assert.ok(seen.size >= 3, [...seen].join(' '));
});

test('cuts stand at the flushes first, then between them, and no two leave the same disk', () => {
  const places = (wanted: number) => chooseCuts(LOG, 1, 5, wanted, 1).map(({ at }) => at);
  assert.deepEqual(places(2), [2, 3]);
  assert.deepEqual(places(5), [1, 2, 3, 4, 5]);
  const many = chooseCuts(LOG, 1, 5, 100, 1);
  const left = many.map(({ at, losses, seed }) => JSON.stringify(planCut(LOG, at, losses, seededRandom(seed))));
  assert.equal(new Set(left).size, many.length);
  assert.ok(many.length > 10 && many.length < 100, `${many.length}`);
});

test('what somebody else writes while the machine is off is part of the record, and safe', async () => {
  const image = join(folder, 'image');
  writeFileSync(image, Buffer.alloc(3 * 4096, 'x'));
  const log: WriteLog = { writes: [], flushes: [] };
  await noteChanges(log, image, async () =>
    writeFileSync(image, Buffer.concat([Buffer.alloc(4096, 'x'), Buffer.alloc(8192, 'y')])),
  );
  assert.deepEqual(
    log.writes.map(({ offset, durable }) => [offset, durable]),
    [
      [4096, true],
      [8192, true],
    ],
  );
  assert.deepEqual(log.flushes, [2]);
});

test('qemu-img and qemu-io, as judges: the disk that is served reads, writes and flushes', async () => {
  const image = join(folder, 'image');
  writeFileSync(image, Buffer.alloc(1_048_576, 'x'));
  const disk = await serveDisk(image, join(folder, 'socket'));
  try {
    const words = ['-f', 'raw', '-t', 'writeback', disk.url];
    const commands = [
      'read -P 0x78 0 64k',
      'write -P 0x41 4096 8192',
      'flush',
      'write -z 65536 4096',
      'read -P 0x41 4096 8192',
    ];
    const { stdout } = await runTool('qemu-io', [...commands.flatMap((command) => ['-c', command]), ...words]);
    assert.doesNotMatch(stdout.toString(), /failed/i);
    assert.equal(disk.log.writes.length, 2);
    assert.equal(disk.log.flushes[0], 1);
    const content = readFileSync(image);
    assert.deepEqual([content[4096], content[12_287], content[65_536], content[0]], [0x41, 0x41, 0, 0x78]);
    const stranger = connect(join(folder, 'socket'));
    stranger.on('error', () => {});
    stranger.resume();
    stranger.write('GET / HTTP/1.1\r\n\r\n'.repeat(10));
    await new Promise<void>((resolve) => stranger.once('close', () => resolve()));
  } finally {
    await disk.close();
  }
});
