import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Lease } from './dhcp-lease.ts';

type NetworkSettings = NonNullable<FleetFile['network']>;

/** Name of the device in its network: the fleet file's, or one that is told apart by the serial. */
export function hostnameFor(fleet: FleetFile | null, serial: string): string {
  return fleet?.hostname ?? `nodeos-${serial.slice(0, 6)}`;
}

/**
 * dhcpcd.conf(5): DHCP at once on every Ethernet interface but those with a static address.
 * `noarp` and `reboot 0` save the probe for duplicates and the question for the last lease: some seconds at every boot.
 * IPv6 addresses are the kernel's own business.
 */
export function dhcpcdConfig(network: NetworkSettings | undefined): string {
  const lines = [
    'ipv4only',
    'noarp',
    'nodelay',
    'reboot 0',
    'persistent',
    'clientid',
    'hostname',
    'vendorclassid',
    'option domain_name_servers, domain_name, ntp_servers, classless_static_routes, interface_mtu',
    'require dhcp_server_identifier',
  ];
  for (const [name, settings] of Object.entries(network?.static ?? {})) {
    lines.push('', `interface ${name}`, `static ip_address=${settings.address}`);
    if (settings.gateway) lines.push(`static routers=${settings.gateway}`);
  }
  return `${lines.join('\n')}\n`;
}

/** resolv.conf(5): name servers of static interfaces before those of leases; the resolver reads three. */
export function resolvConf(network: NetworkSettings | undefined, leases: readonly Lease[]): string {
  const fixed = Object.values(network?.static ?? {}).flatMap((settings) => settings.dns ?? []);
  const servers = [...new Set([...fixed, ...leases.flatMap((lease) => lease.nameServers)])].slice(0, 3);
  const domains = [...new Set(leases.map((lease) => lease.domain).filter((domain) => domain !== null))];
  const search = domains.length > 0 ? [`search ${domains.slice(0, 6).join(' ')}`] : [];
  return [...search, ...servers.map((server) => `nameserver ${server}`), ''].join('\n');
}
