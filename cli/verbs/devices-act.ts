import { type DeviceAction, deviceActionAnswerSchema, deviceActionSchema } from '@nodeos/contracts/device-list.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { type DeviceFilterOptions, deviceFilter, listDevices, withDeviceFilter } from '../device-lookup.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

type ActOptions = ServerOptions & DeviceFilterOptions & { readonly yes?: boolean };

const ACTIONS = ['approve', 'revoke', 'reboot', 'add-tag', 'remove-tag'] as const;
const SHOWN = 10;

/** @param devices the verb `devices`, of which this is a part */
export const registerAct: RegisterVerb = (devices, io) => {
  withDeviceFilter(withServer(devices.command('act')))
    .description('do the same to all devices that fit; without --yes only say which they are')
    .argument('<action>', ACTIONS.join(', '))
    .argument('[tag]', 'of add-tag and remove-tag')
    .option('--yes', 'do it')
    .addHelpText(
      'after',
      example(
        'nodeos devices act reboot --query "tag:kiosk"',
        'nodeos devices act add-tag berlin --search lobby --yes',
      ),
    )
    .action(async (kind: string, tag: string | undefined, options: ActOptions) => {
      const action = readAction(kind, tag);
      const filter = deviceFilter(options);
      if (Object.keys(filter).length === 0)
        throw new NodeosError('INPUT_INVALID', 'nothing says which devices are meant', {
          hint: 'Choose them with --query, --tag, --status, --state or --search.',
        });
      const client = await connect(io, options);
      const { devices: some, total } = await listDevices(client, options, SHOWN);
      if (total === 0) return print(io, 'No device fits.');
      if (!options.yes) {
        const names = some.map(({ name }) => name).join(', ');
        const more = total > some.length ? `, and ${total - some.length} more` : '';
        return print(io, `${total} would be meant: ${names}${more}. Nothing is done without --yes.`);
      }
      const answer = validate(
        deviceActionAnswerSchema,
        await client.send('POST', '/devices/actions', { action, to: { filter, count: total } }),
        "the server's answer",
      );
      print(io, `${kind}: done for ${answer.done} of ${total}.`);
      for (const { id, code, message } of answer.failed) print(io, `${id}  ${code}: ${message}`);
      if (answer.failed.length > 0)
        throw new NodeosError('DEVICES_FAILED', `${answer.failed.length} of ${total} devices could not`);
    });
};

function readAction(kind: string, tag: string | undefined): DeviceAction {
  const read = deviceActionSchema.safeParse(tag === undefined ? { kind } : { kind, tag });
  if (read.success) return read.data;
  const tagged = kind === 'add-tag' || kind === 'remove-tag';
  throw new NodeosError('INPUT_INVALID', `"${tag === undefined ? kind : `${kind} ${tag}`}" is no action`, {
    hint: tagged ? `Write ${kind} and one tag.` : `Choose ${ACTIONS.join(', ')}; a tag goes with the last two.`,
  });
}
