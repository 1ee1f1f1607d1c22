import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type DeviceSummary, deploymentSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { createBuildContext } from '../build-context.ts';
import type { ServerClient } from '../client.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { assertDeployed, followDeployment } from '../deployment-watch.ts';
import { type DevelopmentApp, developmentApp } from '../dev/dev-bundle.ts';
import { developOn } from '../dev/develop.ts';
import { findDevice } from '../device-lookup.ts';
import type { CliIo } from '../io.ts';
import { print } from '../output.ts';
import { publishRelease } from '../release/publish.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface DevOptions extends ServerOptions {
  readonly device: string;
  readonly keys: string;
}

export const registerDev: RegisterVerb = (program, io) => {
  withServer(program.command('dev'))
    .description('run an app on a device while you work on it: each change is there at once; Ctrl-C ends it')
    .argument('[folder]', 'folder with a package.json', '.')
    .requiredOption('--device <device>', 'id, name, serial number or the beginning of the id')
    .option('--keys <folder>', 'folder with the release key', 'keys')
    .addHelpText(
      'after',
      `
The app is deployed to this one device in a development version, which is signed as any other and starts whatever files
you send to it. It stays there until you deploy another version.
${example('nodeos dev my-kiosk --device 3f9c')}`,
    )
    .action(async (wanted: string, options: DevOptions) => {
      const folder = resolve(io.cwd, wanted);
      const client = await connect(io, options);
      const device = await findDevice(client, options.device);
      if (!device.online) throw new NodeosError('DEVICE_OFFLINE', `${device.id} is not online`);
      const scratch = await mkdtemp(join(tmpdir(), 'nodeos-dev-'));
      const { context, end } = createBuildContext(io);
      try {
        const app = await developmentApp(context, folder, await loadBoard(device.board), scratch);
        await deployOnce(io, client, device, app, resolve(io.cwd, options.keys));
        end();
        await developOn({ io, client, deviceId: device.id, app: app.name, folder, context });
        print(io, `${app.name} ${app.version} stays on ${device.name || device.id}; deploy a release to end that:`);
        print(io, `  nodeos deploy ${app.name}@VERSION --device ${device.id}`);
      } finally {
        end();
        await rm(scratch, { recursive: true, force: true });
      }
    });
};

/** Nothing to do where the device has the version: it changes with the dependencies and settings only. */
async function deployOnce(
  io: CliIo,
  client: ServerClient,
  device: DeviceSummary,
  app: DevelopmentApp,
  keys: string,
): Promise<void> {
  const running = device.apps[app.name];
  if (running?.version === app.version && running.state === 'running') return;
  const { file } = await app.bundle();
  const { target } = await publishRelease(client, file, { keys, about: { notes: 'development' } });
  const answer = await client.send('POST', '/deployments', { target: target.path, to: { device: device.id } });
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  assertDeployed(await followDeployment(client, validate(deploymentSchema, answer, 'the new deployment'), { say }));
}
