import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import { type Fleet, startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { nodeos, ROOT } from '../support/command.ts';
import { livingFor } from '../support/lifetime.ts';
import { cannotEmulate } from './life.ts';
import { differencesFromSign } from './sign-picture.ts';
import { startTemplateDevice, type TemplateDevice } from './template-device.ts';
import { type Background, followGuide, type GuideOptions } from './template-guides.ts';

const COMMAND_LIMIT_MS = 600_000;
const EFFECT_LIMIT_MS = 600_000;
const LOOK_MS = 100;
/** Inside QEMU's user network the host's loopback has this address. */
const HOST = '10.0.2.2';
/** Each on its own: here all of them stand on one device, and two listen on the same port as they are made. */
const PORTS = { hello: 8080, sensor: 8081 } as const;
const CHANGES = 6;

interface Scene {
  readonly t: TestContext;
  readonly context: StoryContext;
  readonly fleet: Fleet;
  readonly device: TemplateDevice;
}
interface Trial {
  readonly folder: string;
  readonly background: Background;
}

/** What a reader does before the commands of the guide: what it says about settings. */
type Edit = (folder: string) => void;

async function tryTemplate(
  { context, fleet, device }: Scene,
  template: string,
  name: string,
  edit: Edit,
  options: Partial<Pick<GuideOptions, 'words' | 'seen'>>,
): Promise<Trial> {
  const folder = join(context.folder, name);
  const made = await nodeos(['new', folder, '--template', template]);
  assert.equal(made.code, 0, made.stderr);
  edit(folder);
  const env = {
    ...{
      PATH: pathOf(context.folder),
      XDG_CONFIG_HOME: join(context.folder, 'config'),
    },
    ...{ NODEOS_SERVER: fleet.operatorUrl, NODEOS_TOKEN: fleet.token },
  };
  const background = await followGuide({
    ...{ folder, env, limitMs: COMMAND_LIMIT_MS },
    words: [
      [/\bNAME\b/, name],
      [/\bDEVICE\b/, device.id],
      [/\bTAG\b/, 'demo'],
      [/--board \S+/, `--board ${context.board.name}`],
      ...(options.words ?? []),
    ],
    seen: options.seen ?? [],
  });
  return { folder, background };
}

/** The reader's own Node.js and npm, and the command; npm puts this clone's programs before them. */
function pathOf(folder: string): string {
  const own = (process.env.PATH ?? '').split(':').filter((entry) => !entry.endsWith('node_modules/.bin'));
  return [join(folder, 'bin'), ...own].join(':');
}

function changeManifest(folder: string, change: (nodeosField: Record<string, unknown>) => void): void {
  const file = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  change(manifest.nodeos);
  writeFileSync(file, JSON.stringify(manifest, null, 2));
}

/** Asks until the answer is accepted; fails with the last one. */
async function until<T>(ask: () => Promise<T>, accept: (answer: T) => boolean, expected: string): Promise<T> {
  for (const endAt = performance.now() + EFFECT_LIMIT_MS; ; ) {
    const answer = await ask().catch((error: Error) => error);
    if (!(answer instanceof Error) && accept(answer)) return answer;
    if (performance.now() > endAt) throw new Error(`expected ${expected}, seen: ${answer}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const get = async (port: number): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();

async function hello(scene: Scene): Promise<void> {
  const { background } = await tryTemplate(scene, 'hello', 'my-hello', () => {}, {});
  await background.end();
  const answer = await get(scene.device.portOf(PORTS.hello));
  assert.match(answer, /^Hello from my-hello 1\.0\.0 on Node\.js v24\.\d+\.\d+\n$/);
  scene.t.diagnostic(`GET / answers ${answer.trim()}`);
}

async function gpioBlink(scene: Scene): Promise<void> {
  const { background } = await tryTemplate(scene, 'gpio-blink', 'porch-light', () => {}, {
    seen: [
      [/^npm start/, /this machine has no GPIO: the light is drawn here\n[\s\S]*●\n○/],
      [/^nodeos logs/, /porch-light: GPIO17 blinks every 500 ms/],
    ],
  });
  await background.end();
  const levels = await until(scene.device.levels, ({ length }) => length >= CHANGES, `${CHANGES} levels of GPIO17`);
  scene.t.diagnostic(`GPIO17 was seen at ${levels.slice(0, CHANGES).join(', ')}`);
}

async function sensor(scene: Scene): Promise<void> {
  const port = await freePort();
  const url = `mqtt://${HOST}:${port}`;
  const edit = (folder: string): void =>
    changeManifest(folder, (field) => {
      field.ports = [PORTS.sensor];
      field.env = { MQTT_URL: url, PERIOD_MS: '2000' };
    });
  const { background } = await tryTemplate(scene, 'sensor-mqtt', 'greenhouse', edit, {
    words: [
      [/\b1883\b/, String(port)],
      [/^mosquitto_sub/, `mosquitto_sub -p ${port}`],
      [/^npm start/, `MQTT_URL=mqtt://127.0.0.1:${port} PORT=${await freePort()} npm start`],
    ],
    seen: [
      [/^mosquitto -c/, /mosquitto version \S+ running/],
      [/npm start/, /sends to sensors\/\S+ at mqtt/],
      [/^nodeos logs/, /greenhouse: sends to sensors\/greenhouse at mqtt:\/\/10\.0\.2\.2/],
    ],
  });
  try {
    const ask = async (): Promise<string> => background.textOf(/^mosquitto_sub/);
    const text = await until(ask, (now) => /^sensors\/greenhouse \{.*\}$/m.test(now), 'a message of the device');
    const message = JSON.parse(/^sensors\/greenhouse (\{.*\})$/m.exec(text)?.[1] ?? '{}');
    assert.ok(
      Number.isFinite(message.load) && message.freeMiB > 0 && Date.parse(message.at) > 0,
      JSON.stringify(message),
    );
    const last = JSON.parse(await get(scene.device.portOf(PORTS.sensor)));
    assert.deepEqual([last.topic, last.broker], ['sensors/greenhouse', url]);
    assert.ok(Date.parse(last.lastSentAt) > 0, JSON.stringify(last));
    scene.t.diagnostic(`mosquitto_sub has ${JSON.stringify(message)}`);
  } finally {
    await background.end();
  }
}

/** A clock would show another second in each picture. */
async function kioskSign(scene: Scene): Promise<void> {
  const edit = (folder: string): void => {
    const settings = JSON.parse(readFileSync(join(folder, 'settings.json'), 'utf8'));
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ ...settings, title: 'Hall 3', clock: false }));
  };
  const { folder, background } = await tryTemplate(scene, 'kiosk-sign', 'hall-sign', edit, {});
  await background.end();
  assert.equal(await differencesFromSign(folder, join(folder, 'screen.png'), 0), 0, 'npm start drew another sign');
  const { screenStep, machine } = scene.device;
  const filename = join(folder, 'dump.png');
  const dump = async (): Promise<number> => {
    await machine.emulator.qmp.execute('screendump', { filename, format: 'png' });
    return differencesFromSign(folder, filename, screenStep);
  };
  await until(dump, (different) => different === 0, 'the sign on the screen, pixel for pixel');
  const out = join(folder, 'again.png');
  const env = { NODEOS_SERVER: scene.fleet.operatorUrl, NODEOS_TOKEN: scene.fleet.token };
  const shot = await nodeos(['devices', 'screenshot', scene.device.id, '--out', out], { env });
  assert.equal(shot.code, 0, shot.stderr);
  assert.equal(
    await differencesFromSign(folder, out, screenStep),
    0,
    'nodeos devices screenshot shows another picture',
  );
}

/** The sign comes last: it takes the machine from the others. */
const TEMPLATES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  hello,
  'gpio-blink': gpioBlink,
  'sensor-mqtt': sensor,
  'kiosk-sign': kioskSign,
};

for (const name of ['x86_64-usb', 'raspberrypi3'])
  test(`${name}: each template of nodeos new works as its guide says`, async (t) => {
    const reason = await cannotEmulate(name);
    if (reason !== false) return t.skip(reason);
    await livingFor(`templates-${name}`, async (life) => {
      const context = life.story(await loadBoard(name));
      mkdirSync(join(life.folder, 'bin'));
      symlinkSync(join(ROOT, 'cli/bin/nodeos.js'), join(life.folder, 'bin/nodeos'));
      const { value: fleet } = await startFleet(context, life.own);
      const device = await startTemplateDevice(context, fleet, Object.values(PORTS), ({ emulator }) =>
        life.watch(emulator),
      );
      for (const [template, work] of Object.entries(TEMPLATES))
        await t.test(template, (subtest) => work({ t: subtest, context, fleet, device }));
    });
  });
