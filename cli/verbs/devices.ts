import { resolve } from 'node:path';
import { deviceDetailSchema, type Pins } from '@nodeos/contracts/operator-api.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { type DeviceFilterOptions, findDevice, listDevices, withDeviceFilter } from '../device-lookup.ts';
import { DEVICE_HEADING, describeDevice, deviceRow } from '../device-text.ts';
import type { JsonOption } from '../options.ts';
import { print, printJson, printList } from '../output.ts';
import { chooseRelease, listReleases } from '../releases.ts';
import { example, type RegisterVerb } from '../verb.ts';
import { registerAct } from './devices-act.ts';
import { registerIdentify } from './devices-identify.ts';

interface ListOptions extends ServerOptions, JsonOption, DeviceFilterOptions {}

export const registerDevices: RegisterVerb = (program, io) => {
  const devices = program
    .command('devices')
    .description('look after the devices of a server')
    .addHelpText('after', example('nodeos devices list --tag kiosk', 'nodeos devices approve 3f9c'));

  withDeviceFilter(withServer(devices.command('list')))
    .description('list the devices')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos devices list --tag kiosk', 'nodeos devices list --status ailing'))
    .action(async (options: ListOptions) => {
      const { devices: found } = await listDevices(await connect(io, options), options);
      printList(io, options, found, DEVICE_HEADING, deviceRow, 'No devices yet.');
    });

  withServer(devices.command('show'))
    .description('show one device')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos devices show 3f9c'))
    .action(async (wanted: string, options: ListOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      const device = await client.get(`/devices/${id}`, deviceDetailSchema);
      if (options.json) printJson(io, device);
      else for (const line of describeDevice(device)) print(io, line);
    });

  withServer(devices.command('approve'))
    .description('let a device in that waits for approval')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .addHelpText('after', example('nodeos devices approve 3f9c'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('POST', `/devices/${id}/approve`);
      print(io, `${id} is approved.`);
    });

  withServer(devices.command('revoke'))
    .description('shut a device out: its certificate is no longer accepted')
    .argument('<device>', 'id, name or serial number')
    .addHelpText('after', example('nodeos devices revoke 3f9c0a1b2c3d4e5f'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('POST', `/devices/${id}/revoke`);
      print(io, `${id} is revoked.`);
    });

  withServer(devices.command('replace'))
    .description('let a device take the place of another one: its tags and pins; the other is shut out')
    .argument('<device>', 'the device that came')
    .argument('<old>', 'the device whose place it takes')
    .addHelpText('after', example('nodeos devices replace 3f9c 81aa'))
    .action(async (wanted: string, old: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const [{ id }, { id: oldId }] = [await findDevice(client, wanted), await findDevice(client, old)];
      await client.send('POST', `/devices/${id}/replace`, { old: oldId });
      print(io, `${id} takes the place of ${oldId}, which is shut out.`);
    });

  withServer(devices.command('remove'))
    .description('take a device and its history out of the fleet; its identity never comes back')
    .argument('<device>', 'id, name or serial number')
    .addHelpText('after', example('nodeos devices remove 3f9c0a1b2c3d4e5f'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('DELETE', `/devices/${id}`);
      print(io, `${id} is out of the fleet.`);
    });

  withServer(devices.command('tag'))
    .description('set the tags of a device; without tags, remove all')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .argument('[tags...]', 'all tags it shall have')
    .addHelpText('after', example('nodeos devices tag 3f9c kiosk berlin'))
    .action(async (wanted: string, tags: string[], options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('PUT', `/devices/${id}/tags`, { tags });
      print(io, tags.length > 0 ? `${id} has the tags ${tags.join(', ')}.` : `${id} has no tags.`);
    });

  withServer(devices.command('pin'))
    .description('let a device keep a published release, whatever is deployed; without releases, unpin it')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .argument('[releases...]', 'all that it shall keep: name@version or target paths')
    .addHelpText('after', example('nodeos devices pin 3f9c hello@1.0.0', 'nodeos devices pin 3f9c'))
    .action(async (wanted: string, releases: string[], options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      const published = releases.length > 0 ? await listReleases(client) : [];
      const pins: Pins = {};
      for (const name of releases) {
        const release = chooseRelease(published, name);
        pins[release.kind === 'system' ? 'system' : release.name] = release.target;
      }
      await client.send('PUT', `/devices/${id}/pins`, { pins });
      print(io, releases.length > 0 ? `${id} keeps ${Object.values(pins).join(', ')}.` : `${id} is not pinned.`);
    });

  withServer(devices.command('screenshot'))
    .description('save what the screen of a device shows, as a PNG')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .requiredOption('--out <file>', 'file to write')
    .addHelpText('after', example('nodeos devices screenshot 3f9c --out hall.png'))
    .action(async (wanted: string, options: ServerOptions & { out: string }) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.download(`/devices/${id}/screenshot`, resolve(io.cwd, options.out));
      print(io, `${options.out} shows the screen of ${id}.`);
    });

  withServer(devices.command('reboot'))
    .description('restart a device')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .addHelpText('after', example('nodeos devices reboot 3f9c'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('POST', `/devices/${id}/reboot`);
      print(io, `${id} was told to restart.`);
    });

  registerIdentify(devices, io);
  registerAct(devices, io);

  withServer(devices.command('reformat-data'))
    .description('make the data partition anew where it is beyond repair; everything on it is lost')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .addHelpText('after', example('nodeos devices reformat-data 3f9c'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('POST', `/devices/${id}/reformat-data`);
      print(io, `${id} was told to make its data partition anew; it keeps its identity and starts again.`);
    });
};
