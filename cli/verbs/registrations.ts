import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Registration, registrationSchema, registrationsAnswerSchema } from '@nodeos/contracts/provisioning.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { JsonOption } from '../options.ts';
import { print, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const listSchema = z.object({ registrations: z.array(registrationSchema) });

export const registerRegistrations: RegisterVerb = (program, io) => {
  const verb = program
    .command('registrations')
    .description('serial numbers that are expected, with their tags, before the devices come')
    .addHelpText('after', example('nodeos registrations import batch-7.csv'));

  withServer(verb.command('import'))
    .description('register serial numbers from a file of comma-separated values: serial,tags,approve')
    .argument('<file>', 'the file, with that heading; tags are separated by spaces, approve is yes or no')
    .addHelpText('after', example('nodeos registrations import batch-7.csv'))
    .action(async (file: string, options: ServerOptions) => {
      const text = await readFile(resolve(io.cwd, file), 'utf8').catch((cause) => {
        throw new NodeosError('FILE_UNREADABLE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
      });
      const answer = await (await connect(io, options)).send('PUT', '/registrations', text, 'text/csv');
      const { added, changed } = validate(registrationsAnswerSchema, answer, 'the answer');
      print(io, `${added} added, ${changed} changed.`);
    });

  withServer(verb.command('list'))
    .description('list what is registered, and which device came')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos registrations list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { registrations } = await (await connect(io, options)).get('/registrations', listSchema);
      const row = ({ serial, tags, approve, device }: Registration) => [
        serial,
        tags.join(' ') || '-',
        approve ? 'yes' : 'no',
        device ?? '-',
      ];
      const heading = ['SERIAL', 'TAGS', 'APPROVE', 'DEVICE'];
      printList(io, options, registrations, heading, row, 'No serial numbers are registered.');
    });

  withServer(verb.command('remove'))
    .description('expect a serial number no longer; a device that came with it stays')
    .argument('<serial>', 'serial number')
    .addHelpText('after', example('nodeos registrations remove 100000003d1f'))
    .action(async (serial: string, options: ServerOptions) => {
      await (await connect(io, options)).send('DELETE', `/registrations/${encodeURIComponent(serial)}`);
      print(io, `${serial} is no longer expected.`);
    });
};
