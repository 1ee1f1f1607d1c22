import type { Wifi, WifiNetwork } from '@nodeos/contracts/wifi.ts';
import { wifiKey } from '@nodeos/contracts/wifi-key.ts';

/**
 * wpa_supplicant.conf(5). Names and keys are written in hexadecimal digits: none of them needs quotes, and none can
 * end its line. `id` of the program's messages is the index of the network.
 */
export function supplicantConfig({ country, networks }: Wifi): string {
  const head = country === undefined ? [] : [`country=${country}`];
  const blocks = networks.map((network, index) => [
    'network={',
    ...networkLines(network).map((line) => `\t${line}`),
    `\tpriority=${networks.length - index}`,
    '}',
  ]);
  return `${[...head, ...blocks.flat()].join('\n')}\n`;
}

function networkLines({ ssid, psk, hidden }: WifiNetwork): string[] {
  return [
    `ssid=${Buffer.from(ssid, 'utf8').toString('hex')}`,
    ...(psk === undefined ? ['key_mgmt=NONE'] : ['key_mgmt=WPA-PSK', `psk=${wifiKey(ssid, psk)}`]),
    ...(hidden === true ? ['scan_ssid=1'] : []),
  ];
}
