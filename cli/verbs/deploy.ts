import { NodeosError } from '@nodeos/contracts/errors.ts';
import { deploymentSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { assertDeployed, followDeployment } from '../deployment-watch.ts';
import { findDevice } from '../device-lookup.ts';
import { print, printJson } from '../output.ts';
import { chooseRelease, listReleases } from '../releases.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface DeployOptions extends ServerOptions {
  readonly device?: string;
  readonly tag?: string;
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly json?: boolean;
}

export const registerDeploy: RegisterVerb = (program, io) => {
  withServer(program.command('deploy'))
    .description('bring a published release to one device or to all with a tag')
    .argument('<release>', 'name@version or the target path')
    .option('--device <device>', 'one device: id, name, serial number or the beginning of the id')
    .option('--tag <tag>', 'all devices with this tag, also those that come later')
    .option('--wait', 'show the progress and end when it is done; exit code 1 where it failed')
    .option('--timeout <seconds>', 'with --wait: give up waiting after this time')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      example('nodeos deploy hello@1.0.0 --tag kiosk --wait', 'nodeos deploy x86_64-usb@1.1.0 --device 3f9c --wait'),
    )
    .action(async (wanted: string, options: DeployOptions) => {
      if ((options.device === undefined) === (options.tag === undefined))
        throw new NodeosError('INPUT_INVALID', 'name the devices', { hint: 'Give either --device or --tag.' });
      const seconds = options.timeout === undefined ? undefined : Number(options.timeout);
      if (seconds !== undefined && !(seconds > 0))
        throw new NodeosError('INPUT_INVALID', `--timeout ${options.timeout} is not a number of seconds`);
      const client = await connect(io, options);
      const release = chooseRelease(await listReleases(client), wanted);
      const to =
        options.tag === undefined
          ? { device: (await findDevice(client, options.device ?? '')).id }
          : { tag: options.tag };
      const answer = await client.send('POST', '/deployments', { target: release.target, to });
      const deployment = validate(deploymentSchema, answer, 'the new deployment');
      if (!options.wait) {
        if (options.json) return printJson(io, deployment);
        return print(
          io,
          `Deployment ${deployment.id} of ${release.target} to ${deployment.devices.length} device(s) runs.`,
        );
      }
      const say = (line: string): void => void io.stderr.write(`${line}\n`);
      const ended = await followDeployment(client, deployment, { say, seconds });
      if (options.json) printJson(io, ended);
      assertDeployed(ended);
      if (!options.json) print(io, `Deployment ${ended.id} is done.`);
    });
};
