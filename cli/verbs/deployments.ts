import { type Deployment, deploymentSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { countsText, describeDeployment, destinationText } from '../deployment-text.ts';
import { type JsonOption, readWhole } from '../options.ts';
import { formatAgo, print, printJson, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const listSchema = z.object({ deployments: z.array(deploymentSchema) });

interface AbortOptions extends ServerOptions {
  readonly turnBack?: boolean;
}

/** What an operator does to a deployment that is there. */
const STEPS = [
  ['pause', 'let no further device begin', 'is paused'],
  ['resume', 'go on; after a halt the devices that failed are tried again', 'goes on'],
  ['approve', 'let the wave begin that waits for it', 'goes on'],
] as const;

export const registerDeployments: RegisterVerb = (program, io) => {
  const deployments = program.command('deployments').description('look at deployments and steer them');

  withServer(deployments.command('list'))
    .description('list the deployments, newest first')
    .option('--limit <n>', 'so many of the newest, and all that have not ended', '30')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos deployments list'))
    .action(async (options: ServerOptions & JsonOption & { limit: string }) => {
      const recent = readWhole(options.limit, '--limit', 1, 1000);
      const client = await connect(io, options);
      const { deployments: found } = await client.get(`/deployments?recent=${recent}`, listSchema);
      const row = (one: Deployment) => [
        ...[one.id, `${one.name}@${one.version}`, destinationText(one.to), one.state],
        ...[`${one.wave + 1}/${one.waves.length}`, countsText(one.counts), formatAgo(one.createdAt)],
      ];
      const heading = ['ID', 'RELEASE', 'TO', 'STATE', 'WAVE', 'DEVICES', 'BEGUN'];
      printList(io, options, found, heading, row, 'No deployments yet.');
    });

  withServer(deployments.command('show'))
    .description('show the waves of a deployment and where its devices stand')
    .argument('<deployment>', 'id')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos deployments show d0a1b2c3d4e5f'))
    .action(async (id: string, options: ServerOptions & JsonOption) => {
      const client = await connect(io, options);
      const found = await client.get(`/deployments/${encodeURIComponent(id)}`, deploymentSchema);
      if (options.json) printJson(io, found);
      else for (const line of describeDeployment(found)) print(io, line);
    });

  for (const [verb, description, done] of STEPS)
    withServer(deployments.command(verb))
      .description(description)
      .argument('<deployment>', 'id')
      .addHelpText('after', example(`nodeos deployments ${verb} d0a1b2c3d4e5f`))
      .action(async (id: string, options: ServerOptions) => {
        const client = await connect(io, options);
        await client.send('POST', `/deployments/${encodeURIComponent(id)}/${verb}`);
        print(io, `Deployment ${id} ${done}.`);
      });

  withServer(deployments.command('abort'))
    .description('end a deployment: its devices want again what was deployed to them before it')
    .argument('<deployment>', 'id')
    .option('--turn-back', 'devices to which nothing was deployed before go back to what they ran, too')
    .addHelpText('after', example('nodeos deployments abort d0a1b2c3d4e5f --turn-back'))
    .action(async (id: string, options: AbortOptions) => {
      const client = await connect(io, options);
      const body = options.turnBack ? { turnBack: true } : {};
      const answer = await client.send('POST', `/deployments/${encodeURIComponent(id)}/abort`, body);
      const { state } = validate(deploymentSchema, answer, 'the deployment');
      print(io, `Deployment ${id} is ${state}.`);
    });
};
