import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppManifest, appManifestSchema } from '@nodeos/contracts/app-manifest.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { writeBundle } from '@nodeos/firmware/bundle/write-bundle.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { APP_PORT, STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { deploy, outcomeOf, publish } from 'nodeos/demo/operator.ts';
import { expectThat } from 'nodeos/demo/reporter.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';
import { type BundledPackage, folderOf } from './bundle-each.ts';

/** What one package did on the device. */
export interface Seen {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
}
interface Answer {
  readonly done: boolean;
  readonly seen: readonly Seen[];
}

const ONE_LIMIT_MS = 120_000;
const POLL_MS = 1_000;

/** Runs every package's own program, one after the other, and answers what each of them said. */
const PROGRAM = `'use strict';
const { spawn } = require('node:child_process');
const http = require('node:http');
const names = require('./names.json');
const seen = [];
let done = false;
function use({ name, folder }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['check.cjs'], { cwd: '/app/packages/' + folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err = (err + data).slice(-2000); });
    const timer = setTimeout(() => child.kill('SIGKILL'), ${ONE_LIMIT_MS});
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const line = out.split('\\n').find((each) => /^(ok|failed) /.test(each));
      const text = line ? line.replace(/^\\w+ /, '') : 'ended with ' + (signal || code) + ': ' + err.trim().split('\\n').slice(-3).join(' | ');
      seen.push({ name, ok: /^ok /.test(line || ''), text });
      resolve();
    });
  });
}
http.createServer((request, answer) => answer.end(JSON.stringify({ done, seen }))).listen(${APP_PORT});
(async () => { for (const item of names) await use(item); done = true; })();
`;

/**
 * Puts all bundles on the device as one app, as they are, and lets it use each.
 * @param say told of each package as its answer comes
 */
export async function useOnDevice(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  packages: readonly BundledPackage[],
  say: (seen: Seen) => void,
): Promise<Seen[]> {
  const file = await joinBundles(context, packages);
  const { target } = await publish(fleet.operator, file);
  const limits = { limitMs: STORY_LIMITS.systemDeployMs, say: () => {} };
  const deployment = await deploy(fleet.operator, target, device.id, limits);
  expectThat(deployment.state === 'done', 'the packages on the device', outcomeOf(deployment).reason);
  const endAt = performance.now() + packages.length * ONE_LIMIT_MS;
  let told = 0;
  for (;;) {
    const { done, seen } = await ask(device.appUrl);
    for (const item of seen.slice(told)) say(item);
    told = seen.length;
    if (done) return [...seen];
    expectThat(performance.now() < endAt, 'an answer of each package', `${told} of ${packages.length}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function ask(url: string): Promise<Answer> {
  try {
    const answer = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(30_000) });
    return (await answer.json()) as Answer;
  } catch {
    return { done: false, seen: [] };
  }
}

/** One image of all bundles, unpacked from what `nodeos bundle` made of each. */
async function joinBundles(context: StoryContext, packages: readonly BundledPackage[]): Promise<string> {
  const app = join(context.folder, 'packages-app');
  await mkdir(join(app, 'packages'), { recursive: true });
  for (const { bundle, name } of packages)
    if (bundle) await runTool('unsquashfs', ['-q', '-n', '-d', join(app, 'packages', folderOf(name)), bundle.file]);
  await writeFile(join(app, 'main.js'), PROGRAM);
  const names = packages.map(({ name }) => ({ name, folder: folderOf(name) }));
  await writeFile(join(app, 'names.json'), JSON.stringify(names));
  const manifest: AppManifest = parseJson(appManifestSchema, JSON.stringify(MANIFEST), 'the manifest of all packages');
  await writeFile(join(app, '.nodeos-manifest.json'), JSON.stringify(manifest));
  const file = join(context.folder, 'packages.sqfs');
  await writeBundle(context.build, app, file);
  await writeFile(`${file}.json`, JSON.stringify(manifest));
  return file;
}

const MANIFEST = {
  ...{ format: 1, name: 'hello', version: '9.0.0', description: 'Uses well-known packages' },
  ...{ start: ['node', 'main.js'], env: {}, ports: [APP_PORT], devices: [], network: 'host', memoryMiB: 640 },
  ...{ probe: '/', soakMs: 0, swap: 'stop-first', stopGraceMs: 1000, abi: 'linux-x64-glibc' },
};
