import type { Inventory } from '@nodeos/contracts/device-api.ts';
import type { DeviceMetrics } from '@nodeos/contracts/metrics.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import type { WifiState } from '@nodeos/contracts/wifi.ts';
import type { ComponentChildren } from 'preact';
import { durationText, mebibytes } from '../words.ts';

const seconds = (milliseconds: number | null): string =>
  milliseconds === null ? '—' : `${(milliseconds / 1000).toFixed(1)} s`;

const WIFI_WORDS: Readonly<Record<WifiState, string>> = {
  searching: 'searching',
  joining: 'joining',
  joined: 'joined',
  'wrong-key': 'wrong passphrase',
  refused: 'not let in',
  'not-found': 'network not found',
  failed: 'does not work',
};

/** What the device said of itself last. */
export function DeviceFacts({ device }: { device: DeviceDetail }) {
  const { report } = device;
  return (
    <section aria-labelledby="panel-facts">
      <h3 id="panel-facts">Facts</h3>
      <dl class="facts">
        <Fact name="Board">{device.board}</Fact>
        <Fact name="System">
          {device.systemVersion}
          {report !== null && ` in slot ${report.system.slot.toUpperCase()}${report.system.trial ? ', on trial' : ''}`}
        </Fact>
        {report !== null && (
          <>
            <Fact name="Up for">{durationText(report.uptimeSeconds)}</Fact>
            <Fact name="Memory">
              {mebibytes(report.memory.totalKiB - report.memory.availableKiB)} of {mebibytes(report.memory.totalKiB)}
            </Fact>
            {report.inventory && (
              <Fact name="Disk free">
                {mebibytes(report.inventory.storage.freeKiB)} of {mebibytes(report.inventory.storage.totalKiB)}
              </Fact>
            )}
            {report.metrics && <MetricFacts metrics={report.metrics} />}
            <Fact name="Agent">{mebibytes(report.memory.agentRssKiB)}</Fact>
            <Fact name="Data">{report.dataStore === 'disk' ? 'on the disk' : 'in RAM: lost at power-off'}</Fact>
            <Fact name="Addresses">{report.addresses.length === 0 ? '—' : report.addresses.join(', ')}</Fact>
            {report.inventory?.network.map(
              ({ name, wifi }) =>
                wifi && (
                  <Fact key={name} name={`WiFi ${name}`}>
                    {WIFI_WORDS[wifi.state]}
                    {wifi.ssid !== null && `: ${wifi.ssid}`}
                  </Fact>
                ),
            )}
            {report.inventory && <InventoryFacts inventory={report.inventory} />}
            <Fact name="Boot: init, agent, online">
              {seconds(report.bootTimes.init)}, {seconds(report.bootTimes.agent)}, {seconds(report.bootTimes.online)}
            </Fact>
          </>
        )}
      </dl>
    </section>
  );
}

function InventoryFacts({ inventory: { serial, kernel, nodeVersion, timeZone, network } }: { inventory: Inventory }) {
  return (
    <>
      <Fact name="Serial number">{serial === '' ? '—' : serial}</Fact>
      <Fact name="Time zone">{timeZone}</Fact>
      <Fact name="Kernel">{kernel}</Fact>
      <Fact name="Node.js">{nodeVersion}</Fact>
      {network.map(({ name, mac }) => (
        <Fact key={name} name={`Hardware address of ${name}`}>
          {mac}
        </Fact>
      ))}
    </>
  );
}

function MetricFacts({ metrics }: { metrics: DeviceMetrics }) {
  const { load, processors, temperature, eventLoopDelayMs } = metrics;
  return (
    <>
      <Fact name={`Load on ${processors === 1 ? '1 processor' : `${processors} processors`}`}>
        {[load.one, load.five, load.fifteen].map((one) => one.toFixed(2)).join(', ')}
      </Fact>
      {temperature !== null && <Fact name="Temperature">{temperature.toFixed(1)} °C</Fact>}
      {eventLoopDelayMs !== null && (
        <Fact name="Event-loop delay: mean, 99 %, most">
          {[eventLoopDelayMs.mean, eventLoopDelayMs.p99, eventLoopDelayMs.max].map((one) => one.toFixed(1)).join(', ')}{' '}
          ms
        </Fact>
      )}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
