import { NodeosError } from '@nodeos/contracts/errors.ts';
import {
  type DeploymentRequest,
  type Destination,
  deploymentPlanSchema,
  deploymentSchema,
} from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { ServerClient } from '../client.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { describePlan } from '../deployment-text.ts';
import { assertDeployed, followDeployment } from '../deployment-watch.ts';
import { findDevice } from '../device-lookup.ts';
import { print, printJson } from '../output.ts';
import { chooseRelease, listReleases } from '../releases.ts';
import { type RolloutOptions, readRollout, withRollout } from '../rollout-options.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface DeployOptions extends ServerOptions, RolloutOptions {
  readonly device?: string;
  readonly tag?: string;
  readonly group?: string;
  readonly query?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly json?: boolean;
}

export const registerDeploy: RegisterVerb = (program, io) => {
  const command = withServer(program.command('deploy'))
    .description('bring a published release to one device or to many, at once or in waves')
    .argument('<release>', 'name@version or the target path')
    .option('--device <device>', 'one device: id, name, serial number or the beginning of the id')
    .option('--tag <tag>', 'all devices with this tag, also those that come later')
    .option('--group <group>', 'all devices of this group')
    .option('--query <query>', 'all devices for which this holds, e.g. "board = raspberrypi4 and system < 2.1.0"')
    .option('--dry-run', 'say which devices would get it when, and change nothing')
    .option('--wait', 'show the progress and end when it is done; exit code 1 where it failed')
    .option('--timeout <seconds>', 'with --wait: give up waiting after this time')
    .option('--json', 'print JSON');
  withRollout(command)
    .addHelpText(
      'after',
      example(
        'nodeos deploy hello@1.0.0 --tag kiosk --wait',
        'nodeos deploy x86_64-usb@1.1.0 --device 3f9c --wait',
        'nodeos deploy hello@1.1.0 --group shops --canary 5 --wave 10% --wave 50% --soak 10m --failure-rate 5',
      ),
    )
    .action(async (wanted: string, options: DeployOptions) => {
      const named = [options.device, options.tag, options.group, options.query].filter((one) => one !== undefined);
      if (named.length !== 1)
        throw new NodeosError('INPUT_INVALID', 'name the devices', {
          hint: 'Give one of --device, --tag, --group and --query.',
        });
      const seconds = options.timeout === undefined ? undefined : Number(options.timeout);
      if (seconds !== undefined && !(seconds > 0))
        throw new NodeosError('INPUT_INVALID', `--timeout ${options.timeout} is not a number of seconds`);
      const rollout = readRollout(options);
      const client = await connect(io, options);
      const release = chooseRelease(await listReleases(client), wanted);
      const request: DeploymentRequest = { target: release.target, to: await destination(client, options), rollout };
      if (options.dryRun) {
        const plan = validate(
          deploymentPlanSchema,
          await client.send('POST', '/deployments/plan', request),
          'the plan',
        );
        if (options.json) printJson(io, plan);
        else for (const line of describePlan(plan)) print(io, line);
        return;
      }
      const answer = await client.send('POST', '/deployments', request);
      const deployment = validate(deploymentSchema, answer, 'the new deployment');
      if (!options.wait) {
        if (options.json) return printJson(io, deployment);
        const size = deployment.waves.reduce((sum, wave) => sum + wave.size, 0);
        const state = deployment.state === 'awaiting-approval' ? 'waits for approval' : 'runs';
        return print(io, `Deployment ${deployment.id} of ${release.target} to ${size} device(s) ${state}.`);
      }
      const say = (line: string): void => void io.stderr.write(`${line}\n`);
      const ended = await followDeployment(client, deployment, { say, seconds });
      if (options.json) printJson(io, ended);
      assertDeployed(ended);
      if (!options.json) print(io, `Deployment ${ended.id} is done.`);
    });
};

async function destination(client: ServerClient, options: DeployOptions): Promise<Destination> {
  if (options.tag !== undefined) return { tag: options.tag };
  if (options.group !== undefined) return { group: options.group };
  if (options.query !== undefined) return { query: options.query };
  return { device: (await findDevice(client, options.device ?? '')).id };
}
