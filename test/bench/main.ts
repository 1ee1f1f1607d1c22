import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { STORY_MACHINE, type StoryContext } from 'nodeos/demo/context.ts';
import { type StoryOutcome, tellStory } from 'nodeos/demo/story.ts';
import { sharedCache } from '../support/build.ts';
import { measureAgentMemory } from './agent-memory.ts';
import { main as measureApps } from './apps.ts';
import { measureEditToRunning } from './apps-dev.ts';
import { renderBoardTable } from './board-table.ts';
import { measureBoards } from './boards.ts';
import { measureFlash } from './flash.ts';
import { main as measureFleet } from './fleet.ts';
import { measureLayers } from './layers.ts';
import { main as measureRecovery } from './recovery.ts';
import { type Measurement, renderTable } from './table.ts';

if (process.argv[2] === 'recovery') {
  await measureRecovery(process.argv.slice(3));
  process.exit();
}
if (process.argv[2] === 'apps') {
  await measureApps();
  process.stdout.write(`${renderTable(await measureEditToRunning())}\n`);
  process.exit();
}
if (process.argv[2] === 'fleet') {
  await measureFleet(process.argv.slice(3));
  process.exit();
}
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, 'skip-memory': { type: 'boolean' }, 'skip-layers': { type: 'boolean' } },
});
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** One story gives all times of one device in one run; then its agent is watched for longer. */
async function measure(): Promise<Measurement[]> {
  const folder = createWorkFolder();
  const closers: (() => Promise<void>)[] = [];
  const story = new AbortController();
  const signal = AbortSignal.any([end.signal, story.signal]);
  try {
    const layers = options['skip-layers'] ? [] : await measureLayers(join(folder.path, 'layers'));
    const context: StoryContext = {
      build: { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false },
      board: await loadBoard('x86_64-usb'),
      folder: folder.path,
      signal,
      dashboardPort: 0,
      machine: STORY_MACHINE,
    };
    const outcome = await tellStory(context, { write: say, own: (close) => closers.unshift(close) });
    const memory = options['skip-memory'] ? [] : await measureAgentMemory(context, outcome.fleet, outcome.device, say);
    return [...sizesOf(outcome), ...timesOf(outcome), ...memory, ...layers];
  } finally {
    story.abort();
    for (const close of closers) await close();
    folder.remove();
  }
}

function sizesOf({ image }: StoryOutcome): Measurement[] {
  const file = (name: string): number => (image.manifest.files[name]?.bytes ?? 0) / 1e6;
  return [
    { name: 'kernel', value: file('kernel'), unit: 'MB', aim: null },
    { name: 'initramfs', value: file('initramfs.img'), unit: 'MB', aim: null },
    { name: 'root', value: file('rootfs.sqfs'), unit: 'MB', aim: null },
    { name: 'slot image', value: image.slotBytes / 1e6, unit: 'MB', aim: 40 },
    { name: 'disk image', value: image.imageBytes / 1e6, unit: 'MB', aim: null },
  ];
}

function timesOf({ boot, appOutageMs, systemOutages }: StoryOutcome): Measurement[] {
  const span = (name: string, from: number, to: number): Measurement => ({
    name,
    value: (to - from) / 1000,
    unit: 's',
    aim: null,
  });
  const { kexecMs, coldMs } = systemOutages;
  return [
    span('power-on to kernel', boot.powerOn, boot.kernel),
    span('kernel to init', boot.kernel, boot.init),
    span('init to agent', boot.init, boot.agent),
    span('agent to online', boot.agent, boot.online),
    { name: 'app outage, app update', value: appOutageMs, unit: 'ms', aim: 300 },
    { name: 'app outage, system update by kexec', value: kexecMs / 1000, unit: 's', aim: null },
    { name: 'app outage, cold reboot', value: coldMs / 1000, unit: 's', aim: null },
    { name: 'kexec to cold reboot', value: kexecMs / coldMs, unit: '', aim: 0.6 },
  ];
}

async function write(table: string, results: object): Promise<void> {
  process.stdout.write(`${table}\n`);
  const json = `${JSON.stringify({ measuredAt: new Date().toISOString(), ...results }, null, 2)}\n`;
  if (options.json === undefined) process.stdout.write(json);
  else await writeFile(resolve(options.json), json);
}

const [subject, ...names] = positionals;
if (subject === 'boards') {
  const boards = await measureBoards(end.signal, say, names);
  await write(renderBoardTable(boards), { boards });
} else if (subject === 'flash') {
  const measurements = await measureFlash(end.signal, say);
  await write(renderTable(measurements), { measurements });
} else if (subject === undefined) {
  const measurements = await measure();
  await write(renderTable(measurements), { measurements });
} else {
  say(
    `there is no benchmark ${subject}; there are: boards, flash, fleet, recovery, or none for the story of one device`,
  );
  process.exitCode = 1;
}
