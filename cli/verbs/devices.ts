import { resolve } from 'node:path';
import {
  type DeviceDetail,
  type DeviceSummary,
  deviceDetailSchema,
  type Pins,
} from '@nodeos/contracts/operator-api.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice, listDevices } from '../device-lookup.ts';
import type { JsonOption } from '../options.ts';
import { formatAgo, print, printJson, printList } from '../output.ts';
import { chooseRelease, listReleases } from '../releases.ts';
import { example, type RegisterVerb } from '../verb.ts';
import { registerIdentify } from './devices-identify.ts';

interface ListOptions extends ServerOptions, JsonOption {
  readonly tag?: string;
  readonly state?: string;
  readonly query?: string;
}

export const registerDevices: RegisterVerb = (program, io) => {
  const devices = program
    .command('devices')
    .description('look after the devices of a server')
    .addHelpText('after', example('nodeos devices list --tag kiosk', 'nodeos devices approve 3f9c'));

  withServer(devices.command('list'))
    .description('list the devices')
    .option('--tag <tag>', 'only those with this tag')
    .option('--state <state>', 'only those in this state: pending, active, revoked')
    .option('--query <query>', 'only those for which this holds, e.g. "tag:kiosk and system < 2.1.0"')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos devices list --tag kiosk'))
    .action(async (options: ListOptions) => {
      const found = await listDevices(await connect(io, options), options);
      const heading = ['ID', 'NAME', 'STATE', 'ONLINE', 'BOARD', 'SYSTEM', 'APPS', 'TAGS', 'LAST SEEN'];
      printList(io, options, found, heading, deviceRow, 'No devices yet.');
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

function deviceRow(device: DeviceSummary): string[] {
  const apps = Object.entries(device.apps).map(([name, app]) => `${name}@${app.version}`);
  return [
    device.id,
    device.name,
    device.state,
    device.online ? 'yes' : 'no',
    device.board,
    device.systemVersion,
    apps.join(' ') || '-',
    device.tags.join(' ') || '-',
    formatAgo(device.lastSeen),
  ];
}

function describeDevice(device: DeviceDetail): string[] {
  const facts: [string, string][] = [
    ['id', device.id],
    ['name', device.name],
    ['serial', device.serial],
    ['state', `${device.state}, ${device.online ? 'online' : 'offline'}, seen ${formatAgo(device.lastSeen)}`],
    ['board', device.board],
    ['tags', device.tags.join(' ') || '-'],
    ...Object.entries(device.pins).map(([name, target]): [string, string] => ['pinned', `${name} to ${target}`]),
  ];
  const { report } = device;
  const slot = report ? `, slot ${report.system.slot}${report.system.trial ? ' (trial)' : ''}` : '';
  facts.push(['system', `${device.systemVersion}${slot}`]);
  if (report) {
    const { availableKiB, totalKiB, agentRssKiB } = report.memory;
    facts.push(['up', `${Math.round(report.uptimeSeconds)} s`]);
    facts.push(['memory', `${availableKiB} of ${totalKiB} KiB free, agent ${agentRssKiB} KiB`]);
    if (report.metrics) {
      const { load, processors, temperature, eventLoopDelayMs } = report.metrics;
      facts.push(['load', `${load.one} ${load.five} ${load.fifteen} on ${processors} processor(s)`]);
      if (temperature !== null) facts.push(['hottest', `${temperature} °C`]);
      if (eventLoopDelayMs) facts.push(['event loop', `late by ${eventLoopDelayMs.p99} ms (99th percentile)`]);
    }
    facts.push(['addresses', report.addresses.join(' ') || '-']);
    if (report.inventory) {
      const { kernel, nodeVersion, storage, timeZone, network } = report.inventory;
      for (const { name, wifi } of network)
        if (wifi) facts.push(['wifi', `${name} ${wifi.state}${wifi.ssid === null ? '' : ` ${wifi.ssid}`}`]);
      facts.push(['software', `kernel ${kernel}, Node ${nodeVersion}`]);
      facts.push(['storage', `${storage.freeKiB} of ${storage.totalKiB} KiB free`]);
      facts.push(['time zone', timeZone]);
    }
    if (report.screen) {
      const { kiosk, blankSince } = report.screen;
      const blank = blankSince === null ? '' : `, blank since ${new Date(blankSince).toISOString()}`;
      facts.push(['screen', `of ${kiosk}${blank}`]);
    }
    if (report.development)
      facts.push(['developed', `${report.development.app}: a development session runs unsigned files`]);
    if (report.dataStore === 'ram') facts.push(['data', 'in RAM: the data partition could not be mounted']);
  }
  const lines = facts.map(([name, value]) => `${name.padEnd(10)} ${value}`);
  for (const [name, app] of Object.entries(device.apps)) {
    const reason = app.reason ? ` (${app.reason})` : '';
    lines.push(`${'app'.padEnd(10)} ${name} ${app.version}: ${app.state}, ${app.restarts} restarts${reason}`);
  }
  for (const update of device.updates.slice(-5)) {
    const reason = update.reason ? ` (${update.reason})` : '';
    lines.push(`${'update'.padEnd(10)} ${update.name} ${update.version}: ${update.state}${reason}`);
  }
  for (const event of device.events.slice(-10))
    lines.push(`${'event'.padEnd(10)} ${new Date(event.at).toISOString()} ${event.kind}: ${event.text}`);
  return lines;
}
