import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { serverInfoSchema } from '@nodeos/contracts/operator-api.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import { type Profile, profileSchema } from '@nodeos/device-agent/simulator/profile.ts';
import type { Simulation } from '@nodeos/device-agent/simulator/simulation.ts';
import type { ZodType } from 'zod';
import { createClaimToken } from '../claim-tokens.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { parseDuration } from '../duration.ts';
import type { CliIo } from '../io.ts';
import { collect, readWhole } from '../options.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const SHOW_EVERY_MS = 2_000;

interface SimulateOptions extends ServerOptions {
  readonly devices: string;
  readonly profile?: string;
  readonly tag: string[];
  readonly seed: string;
  readonly for?: string;
}

export const registerSimulate: RegisterVerb = (program, io) => {
  withServer(program.command('simulate'))
    .description('run light devices against a server: the real protocol and update engine, without machines')
    .option('--devices <n>', 'how many', '100')
    .option('--profile <file>', 'JSON: boards, time zones, speed and faults of the devices; see docs/fleet.md')
    .option('--tag <tag>', 'tag of the devices; repeatable', collect, ['simulated'])
    .option('--seed <seed>', 'the same seed gives the same characters again', '1')
    .option('--for <time>', 'end after so long; else with Ctrl-C')
    .addHelpText(
      'after',
      example(
        'nodeos simulate --devices 200',
        'nodeos simulate --devices 1000 --profile shaky.json',
        'nodeos deploy hello@2.0.0 --tag simulated --canary 5 --wave 20%',
      ),
    )
    .action(async (options: SimulateOptions) => {
      const devices = readWhole(options.devices, '--devices', 1);
      const seconds = options.for === undefined ? null : parseDuration(options.for, '--for');
      const profile = await readProfile(io, options.profile);
      const client = await connect(io, options);
      const server = await client.get('/server', serverInfoSchema);
      const wanted = { uses: devices, expiresAt: null, tags: options.tag, autoApprove: true };
      const { token } = await createClaimToken(client, wanted);
      // Loaded here: no other verb needs the device's side.
      const { startSimulation } = await import('@nodeos/device-agent/simulator/simulation.ts');
      const end = new AbortController();
      const simulation = startSimulation({
        fleet: { server: server.deviceUrl, broker: server.brokerUrl, ca: server.ca, claimToken: token },
        ...{ devices, profile, seed: options.seed },
        signal: AbortSignal.any([io.signal, end.signal]),
        onIdentify: (index, seconds) => print(io, `SIM-${options.seed}-${index} identifies itself for ${seconds} s`),
        onFault: (index, error) => io.stderr.write(`device ${index}: ${(error as Error).stack}\n`),
      });
      const timer = seconds === null ? undefined : setTimeout(() => end.abort(), seconds * 1000);
      await show(io, simulation);
      clearTimeout(timer);
    });
};

/** One line for each change, until the simulation has ended. */
async function show(io: CliIo, simulation: Simulation): Promise<void> {
  let last = '';
  const say = (): void => {
    const counts = Object.entries(simulation.counts()).flatMap(([state, count]) =>
      count > 0 ? [`${count} ${state}`] : [],
    );
    const versions = [...simulation.versions()].sort().map(([release, count]) => `${release} on ${count}`);
    const line = `${counts.join(', ')}; ${versions.join(', ')}`;
    if (line !== last) print(io, line);
    last = line;
  };
  const timer = setInterval(say, SHOW_EVERY_MS);
  try {
    await simulation.ended;
  } finally {
    clearInterval(timer);
    say();
  }
}

async function readProfile(io: CliIo, path: string | undefined): Promise<Profile> {
  const schema = profileSchema as ZodType<Profile>;
  if (path === undefined) return validate(schema, {}, 'the profile');
  const file = resolve(io.cwd, path);
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `${file}: ${cause.message}`, { cause });
  });
  return parseJson(schema, text, path);
}
