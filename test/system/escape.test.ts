import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import type { Emulator } from '@nodeos/firmware/emulate/qemu.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { ATTACKS, describe, isContained, markdownTable, type Step } from '../escape/table.ts';
import { build, sharedCache } from '../support/build.ts';
import { type DataEntry, fillDataPartition } from '../support/data-partition.ts';

const START_LIMIT_MS = 600_000;
const ANSWER_LIMIT_MS = 240_000;
/** Small: it is filled. */
const MEDIUM_BYTES = 448 * 1_048_576;
const HERE = join(import.meta.dirname, '../escape');
const DOCUMENT = join(import.meta.dirname, '../../docs/security.md');
/** In the order in which their folders stand on the disk; each listens where the second number says. */
const USERS = {
  root: [2000, 8083],
  alice: [2001, 8081],
  bob: [2002, 0],
  carol: [2003, 0],
  mallory: [2004, 8082],
} as const;
const CLOCK = '/dev/rtc0';
const GRANTS = { bob: { network: 'none', devices: [CLOCK] }, carol: { devices: [CLOCK] } } as const;

const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-escape-'));
const rows: [string, string][] = [];
let emulator: Emulator;
let ports: Readonly<Record<string, number>>;

before(async () => {
  const { files } = await build(['--out', folder]);
  const image = files.image as string;
  const hostile = join(folder, 'hostile');
  await runTool('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', hostile, join(HERE, 'hostile.c')]);
  const entries: DataEntry[] = Object.entries(USERS).flatMap(([name, [owner]]) => [
    { path: `/users/${name}`, owner, mode: 0o755 },
    { path: `/users/${name}/init`, owner, mode: 0o755, file: join(HERE, `users/${name}.cjs`) },
  ]);
  entries.push({ path: '/users/mallory/hostile', owner: USERS.mallory[0], mode: 0o755, file: hostile });
  entries.push({ path: '/users/.grants', owner: 0, mode: 0o700 });
  for (const [name, grant] of Object.entries(GRANTS)) {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify(grant));
    entries.push({ path: `/users/.grants/${name}.json`, owner: 0, mode: 0o600, file });
  }
  await fillDataPartition(image, entries);
  const served = Object.entries(USERS).filter(([, [, guest]]) => guest !== 0);
  ports = Object.fromEntries(await Promise.all(served.map(async ([name]) => [name, await freePort()] as const)));
  const forwards = served.map(([name, [, guest]]) => ({ host: ports[name] as number, guest }));
  const { emulate } = await loadBoard('x86_64-usb');
  assert.ok(emulate);
  const cacheRoot = sharedCache();
  ({ emulator } = await bootImage({
    emulate,
    image,
    folder,
    cacheRoot,
    memoryMiB: 512,
    mediumBytes: MEDIUM_BYTES,
    forwards,
  }));
  for (const name of ['alice', 'mallory', 'root']) await untilAnswers(name);
});
after(async () => {
  await emulator?.stop();
  await rm(folder, { recursive: true });
});

async function ask(name: string, path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${ports[name]}/${path}`, {
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  return response.json();
}

/** The path leads to an attack that does nothing, or to nothing at all. */
async function untilAnswers(name: string): Promise<void> {
  const endAt = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await ask(name, 'whoami');
      return;
    } catch (error) {
      if (performance.now() > endAt)
        throw new Error(`${name} does not answer\n${emulator.console.tail(40)}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

interface Alice {
  readonly startedAt: number;
  readonly startTicks: number;
  readonly disk: { readonly free: number; readonly forUsers: number };
  readonly secret: string;
  readonly write?: string;
}
const alice = async (path = 'state'): Promise<Alice> => (await ask('alice', path)) as Alice;

/** After each attack: she has not been started anew, and has what she had. */
async function assertAliceIsWell(startedAt: number): Promise<void> {
  const state = await alice();
  assert.deepEqual([state.startedAt, state.secret], [startedAt, 'of alice']);
}

test('root comes first and sees all homes, but not what others keep to themselves, and changes nothing there', async () => {
  const root = (await ask('root', '')) as Record<string, unknown> & { homes: string[]; startTicks: number };
  assert.deepEqual(root.homes.filter((name) => !name.startsWith('.')).sort(), Object.keys(USERS).sort());
  assert.equal(root.uid, USERS.root[0]);
  assert.ok(root.startTicks <= (await alice()).startTicks, 'root began after alice');
  assert.deepEqual([root.secret, root.write], ['EACCES', 'EROFS']);
});

test('a device node is one user’s; the next is told who has it, and waits', async () => {
  const root = (await ask('root', '')) as Record<string, unknown>;
  assert.deepEqual(root.bob, { interfaces: ['lo'], clock: 'opened' });
  assert.equal(root.carol, 'ENOENT');
  const line = /^agent: carol .*DEVICE_TAKEN: \/dev\/rtc0 belongs to bob/;
  await emulator.console.expect(line, ANSWER_LIMIT_MS, 'expected word of why carol waits');
  rows.push([
    'a device node that another user has',
    'not started: DEVICE_TAKEN: /dev/rtc0 belongs to bob as long as that runs',
  ]);
});

test('what a hostile app tries is contained, and its neighbour goes on', async (t) => {
  const { startedAt } = await alice();
  for (const { title, name } of ATTACKS) {
    await t.test(title, async () => {
      const steps = (await ask('mallory', name)) as Step[];
      rows.push([title, describe(steps)]);
      assert.ok(isContained(steps), describe(steps));
      await assertAliceIsWell(startedAt);
    });
  }
});

test('bombs hit who throws them', async (t) => {
  const { startedAt } = await alice();
  await t.test('processes', async () => {
    const [[, answer] = []] = (await ask('mallory', 'fork-bomb')) as Step[];
    assert.equal(answer, 'Resource temporarily unavailable');
    await assertAliceIsWell(startedAt);
    rows.push(['fork bomb', 'ends at 256 processes: resource temporarily unavailable; the neighbour goes on']);
  });
  await t.test('processor time', async () => {
    await ask('mallory', 'spin');
    await assertAliceIsWell(startedAt);
    rows.push(['32 busy loops', 'share one user’s part of the processor; the neighbour goes on']);
  });
  await t.test('memory', async () => {
    const before = await ask('mallory', 'started');
    // Not a time-out: its end breaks the connection.
    await assert.rejects(ask('mallory', 'memory-bomb'), TypeError);
    await assertAliceIsWell(startedAt);
    await untilAnswers('mallory');
    assert.notDeepEqual(await ask('mallory', 'started'), before);
    rows.push(['memory bomb', 'ended at its own 128 MiB, and started again; the neighbour goes on']);
  });
  await t.test('disk', async () => {
    const { disk: before } = await alice();
    assert.deepEqual(await ask('mallory', 'fill-disk'), [['blocks', 'EDQUOT']]);
    const { write, disk } = await alice('write');
    assert.equal(write, 'done');
    const taken = (before.forUsers - disk.forUsers) / before.forUsers;
    assert.ok(taken > 0.15 && taken < 0.35, `mallory took ${taken} of ${JSON.stringify(before)}`);
    await ask('mallory', 'free-disk');
    assert.deepEqual(await ask('mallory', 'many-files'), [['files', 'EDQUOT']]);
    await assertAliceIsWell(startedAt);
    rows.push([
      'filling the disk, by size and by number of files',
      'disk quota exceeded at its share of both, a quarter where nothing else was said; the neighbour goes on writing',
    ]);
  });
});

test('the system has not noticed: no restart of the agent, no word of init after the start', () => {
  const faults = emulator.console.lines.filter(({ text }) => /^init: (system process|rebooting|restart)/.test(text));
  assert.deepEqual(faults, []);
  assert.equal(emulator.console.lines.filter(({ text }) => / {2}system +x86_64-usb/.test(text)).length > 0, true);
});

test('docs/security.md shows this table', async () => {
  const table = markdownTable(rows);
  const document = await readFile(DOCUMENT, 'utf8');
  assert.ok(document.includes(table), `docs/security.md should hold\n\n${table}`);
});
