import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { build as compile } from 'esbuild';
import { APP_PORT, STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import { type Device, startDevice } from 'nodeos/demo/device.ts';
import { deviceUntil, onlyDevice } from 'nodeos/demo/operator.ts';
import { expectThat } from 'nodeos/demo/reporter.ts';
import { type Fleet, startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { build, sharedCache } from '../support/build.ts';
import { type Command, ROOT, startCommand } from '../support/command.ts';

export interface DevelopmentDevice {
  readonly fleet: Fleet;
  readonly device: Device;
  /** Folder of the app that the device has as its release. */
  readonly app: string;
  /** Gives the app's source, in TypeScript, another text to answer with, and compiles it. */
  edit(text: string): Promise<void>;
  /** `nodeos dev` on this device, of the app or of another folder. */
  develop(folder?: string): Command;
}

/** An emulated x86_64 device that allows development sessions and runs an app; its server is on this computer. */
export async function startDevelopmentDevice(
  folder: string,
  signal: AbortSignal,
  own: (close: () => Promise<void>) => void,
): Promise<DevelopmentDevice> {
  const app = join(folder, 'lamp');
  const edit = (text: string): Promise<void> => writeApp(app, text);
  await mkdir(join(app, 'src'), { recursive: true });
  const source = { name: 'lamp', version: '1.0.0', files: ['dist'], scripts: { start: 'node dist/main.js' } };
  await writeFile(
    join(app, 'package.json'),
    JSON.stringify({ ...source, nodeos: { ports: [APP_PORT], memoryMiB: 128 } }),
  );
  await edit('released');
  const context: StoryContext = {
    build: { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false },
    board: await loadBoard('x86_64-usb'),
    ...{ folder, signal, dashboardPort: 0, machine: { memoryMiB: 256 } },
  };
  const { value: fleet } = await startFleet(context, own);
  const { files } = await build(['--app', app, '--out', folder]);
  expectThat(files.image !== undefined, 'a disk image', JSON.stringify(files));
  const machine = await startDevice(context, files.image, { ...fleet.fleetFile, development: true });
  own(() => machine.emulator.stop());
  await machine.emulator.console.expect(/^agent: online \d+ ms/, STORY_LIMITS.bootMs, 'expected the device online');
  const { changes } = fleet.operator;
  const id = await changes.until(
    () => onlyDevice(fleet.operator),
    (found: string | null) => found !== null,
    STORY_LIMITS.bootMs,
    'a device that enrols',
    String,
  );
  const runs = ({ apps }: { apps: Record<string, { state: string }> }): boolean => apps.lamp?.state === 'running';
  await deviceUntil(fleet.operator, id as string, runs, STORY_LIMITS.bootMs, 'the release running');
  const env = { NODEOS_SERVER: fleet.operatorUrl, NODEOS_TOKEN: fleet.token };
  const words = (wanted: string): string[] => [
    join(ROOT, 'cli/bin/nodeos.js'),
    'dev',
    wanted,
    '--device',
    id as string,
  ];
  return {
    ...{ fleet, app, edit },
    device: { ...machine, id: id as string },
    develop: (wanted = app) => startCommand(process.execPath, words(wanted), { env }),
  };
}

/** As `tsc` would: JavaScript and its map. */
async function writeApp(app: string, text: string): Promise<void> {
  const main = join(app, 'src/main.ts');
  await writeFile(
    main,
    `import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

interface Lamp {
  readonly text: string;
}
const lamp: Lamp = { text: ${JSON.stringify(text)} };
createServer((request: IncomingMessage, answer) => {
  if (request.url === '/plain') return startPlain(answer);
  if (request.url === '/crash') setImmediate(() => fail(lamp));
  answer.end(lamp.text);
}).listen(Number(process.env.PORT), () => process.send?.('listens'));

function fail({ text }: Lamp): never {
  throw new TypeError(\`no light: \${text}\`);
}

/** Answers with the milliseconds that this program takes until it listens, started by itself. */
function startPlain(answer: ServerResponse): void {
  const began = performance.now();
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
  const child = spawn(process.execPath, [__filename], { env: { PORT: '0' }, stdio: [...stdio] });
  child.once('message', () => {
    answer.end(String(performance.now() - began));
    child.kill('SIGKILL');
  });
}
`,
  );
  await compile({
    ...{ entryPoints: [main], outfile: join(app, 'dist/main.js'), sourcemap: true, logLevel: 'error' },
    ...{ platform: 'node', format: 'cjs', target: 'node20' },
  });
}

/** The line of the app's source that throws, as a stack names it. */
export const THROWING_LINE = 15;

const ASK_EVERY_MS = 50;

/** Asks the app until it answers so. */
export async function untilAnswers(url: string, expected: string, limitMs: number): Promise<void> {
  const endAt = performance.now() + limitMs;
  for (let last = 'nothing'; last !== expected; ) {
    if (performance.now() > endAt) throw new Error(`the app answers ${last}, not ${expected}`);
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(url, { headers: { connection: 'close' }, signal }).catch(() => null);
    last = answer === null ? 'nothing' : await answer.text().catch(() => 'nothing');
    // Asking all the time would take the emulated processor from the app that starts.
    if (last !== expected) await delay(ASK_EVERY_MS);
  }
}
