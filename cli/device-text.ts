import type { DeviceDetail, DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { formatAgo } from './output.ts';

export const DEVICE_HEADING = ['ID', 'NAME', 'STATE', 'ONLINE', 'BOARD', 'SYSTEM', 'APPS', 'TAGS', 'LAST SEEN'];

/** Its row below DEVICE_HEADING. */
export function deviceRow(device: DeviceSummary): string[] {
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

/** All that is known of it, line by line. */
export function describeDevice(device: DeviceDetail): string[] {
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
