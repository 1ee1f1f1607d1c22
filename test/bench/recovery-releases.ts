import { rmSync, truncateSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildLayer } from '@nodeos/firmware/build.ts';
import { bundleAgent } from '@nodeos/firmware/layers/agent.ts';
import type { Site } from '../faults/qemu/site.ts';

const MIB = 1_048_576;
/** Of the board that is emulated. */
export const SLOT_MIB = 128;

export interface BadRelease {
  readonly name: string;
  /** Publishes it; gives its target. @param stormPort see storm-control.ts */
  readonly publish: (site: Site, version: string, stormPort: number) => Promise<string>;
  /** What the device must say about it. */
  readonly reason: RegExp;
}

/** A system of which something is not as it should be. */
function badSystem(
  name: string,
  words: { commandLine?: string; agent?: () => Promise<string>; bytes?: number },
  reason: RegExp,
): BadRelease {
  return {
    name,
    reason,
    async publish(site, version) {
      const { commandLine, agent, bytes } = words;
      const kernel = {
        ...site.board.kernel,
        commandLine: `${site.board.kernel.commandLine} ${commandLine ?? ''}`.trim(),
      };
      const board = { ...site.board, kernel };
      const slot = await systemOf({ ...site, board }, version, await agent?.());
      if (bytes !== undefined) truncateSync(slot, bytes);
      const target = await site.publishFile(slot);
      rmSync(slot);
      return target;
    },
  };
}

async function systemOf(site: Site, systemVersion: string, agent: string | undefined): Promise<string> {
  const agentOverride = agent === undefined ? undefined : join(site.folder, `agent-${systemVersion}.js`);
  if (agentOverride !== undefined) await writeFile(agentOverride, agent as string);
  const trustRoot = await readFile(join(site.operator.keys, 'root.json'));
  const { files } = await buildLayer(site.build, {
    ...{ board: site.board, layer: 'slot', systemVersion, trustRoot, agentOverride },
  });
  const own = join(site.folder, `slot-${systemVersion}.img`);
  await copyFile(files.slot as string, own);
  return own;
}

const badApp = (name: string, source: string | ((stormPort: number) => string), reason: RegExp): BadRelease => ({
  name,
  reason,
  publish: (site, version, stormPort) => site.app(version, typeof source === 'string' ? source : source(stormPort)),
});

/** The whole agent, but no connection of it comes about. */
const NO_WAY_OUT = `require('node:net').Socket.prototype.connect = function () {
  process.nextTick(() => this.destroy(new Error('no way out')));
  return this;
};
`;

/** Datagrams without an end, to where the server is; else it is well, and answers its probe. */
const flood = (stormPort: number): string => `
const socket = require('node:dgram').createSocket('udp4');
const piece = Buffer.alloc(1400);
setInterval(() => {
  for (let count = 0; count < 20; count++) socket.send(piece, ${stormPort}, '10.0.2.2', () => {});
}, 20);
setTimeout(() => require('node:http').createServer((_, answer) => answer.end('well')).listen(8080), 5_000);
`;

/** The kernel's last words, which memory kept over the reset. */
const PANIC = /^TRIAL_FAILED: the kernel panicked: VFS: Unable to mount root fs/;
const INIT_ENDED = /^TRIAL_FAILED: init could not go on: reading nodeos.disk/;
const HUNG = /^TRIAL_FAILED: the system hung, and the watchdog reset the machine/;

export const BAD: readonly BadRelease[] = [
  badApp('app that ends at once', "throw new Error('boom')", /^APP_START_FAILED: .*boom/),
  badApp(
    'app that takes more memory than its limit',
    'const all = []; setInterval(() => all.push(Buffer.alloc(8e6, 1)), 5);',
    /^APP_(START|PROBE)_FAILED: .*memory/,
  ),
  badApp(
    'app that never answers its probe',
    "require('node:net').createServer(() => {}).listen(8080)",
    /^APP_PROBE_FAILED/,
  ),
  badApp('app that floods the network', flood, /^APP_CUT_OFF/),
  badSystem('release larger than the slot', { bytes: (SLOT_MIB + 4) * MIB }, /^SLOT_TOO_SMALL/),
  badSystem('kernel that panics at once', { commandLine: 'rdinit=/none' }, PANIC),
  // It stands still where it panics, and has no place for last words.
  badSystem('kernel that hangs right after kexec', { commandLine: 'rdinit=/none panic=0 ramoops.mem_size=0' }, HUNG),
  badSystem('init that gives up', { commandLine: 'nodeos.verity=none' }, INIT_ENDED),
  badSystem(
    'agent that crashes',
    { agent: async () => "throw new Error('never comes up');\n" },
    /^TRIAL_FAILED: system process ended with code 1/,
  ),
  badSystem(
    'agent that runs and cannot reach the server',
    { agent: async () => `${NO_WAY_OUT}${(await bundleAgent()).get('agent.js')}` },
    /^TRIAL_FAILED: .*server/,
  ),
  badSystem(
    'agent that runs and says nothing',
    { agent: async () => 'for (;;);\n' },
    /^TRIAL_FAILED: (trial was not confirmed|system process gave no heartbeat)/,
  ),
];
