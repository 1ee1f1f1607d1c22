import type { BaseAnswer, NsecAnswer, SrvAnswer } from 'dns-packet';

/** What a device tells its network, as far as its addresses on one interface go. */
export interface Announcement {
  /** Without a domain. */
  readonly host: string;
  /** Of IPv4 and IPv6, without link-local ones. */
  readonly addresses: readonly string[];
  /** Users whose apps have host names of their own. */
  readonly users: readonly string[];
  /** Port of the proxy; null where it does not listen. */
  readonly httpPort: number | null;
}
export type ServiceRecord =
  | BaseAnswer<'A' | 'AAAA' | 'PTR', string>
  | BaseAnswer<'TXT', string[]>
  | SrvAnswer
  | NsecAnswer;

/** RFC 6762, 10: what names a host lives for two minutes, all else for 75. */
const HOST_TTL_SECONDS = 120;
const OTHER_TTL_SECONDS = 4_500;
const SERVICE = '_http._tcp.local';
/** RFC 6763, 9. */
const ALL_SERVICES = '_services._dns-sd._udp.local';

/**
 * All records of a device: addresses of the host and of its users' names (RFC 6762), one web service for the list of
 * apps and one for each app (RFC 6763). What nobody else may say of a name has `flush`.
 */
export function recordsOf({ host, addresses, users, httpPort }: Announcement): ServiceRecord[] {
  const fqdn = `${host}.local`;
  const names = [fqdn, ...users.map((user) => `${user}.${fqdn}`)];
  const hosts = names.flatMap((name) => [
    ...addresses.map((address) => addressRecord(name, address)),
    // RFC 6762, 6.1: there is no other kind of address, so that nobody waits for one.
    absence(name, [...new Set(addresses.map(kindOf))]),
  ]);
  if (httpPort === null) return hosts;
  const pages = [
    { instance: host, path: '/' },
    // A label has at most 63 octets.
    ...users.map((user) => ({ instance: `${user} on ${host}`.slice(0, 63), path: `/${user}/` })),
  ];
  return [
    ...hosts,
    pointer(ALL_SERVICES, SERVICE),
    ...pages.flatMap(({ instance, path }) => service(`${instance}.${SERVICE}`, fqdn, httpPort, path)),
  ];
}

export function addressRecord(name: string, address: string): ServiceRecord {
  return { type: kindOf(address), name, data: address, ttl: HOST_TTL_SECONDS, flush: true, class: 'IN' };
}

function service(name: string, target: string, port: number, path: string): ServiceRecord[] {
  const own = { name, flush: true, class: 'IN' } as const;
  return [
    pointer(SERVICE, name),
    { ...own, type: 'SRV', ttl: HOST_TTL_SECONDS, data: { priority: 0, weight: 0, port, target } },
    { ...own, type: 'TXT', ttl: OTHER_TTL_SECONDS, data: [`path=${path}`] },
  ];
}

function pointer(name: string, data: string): ServiceRecord {
  return { type: 'PTR', name, data, ttl: OTHER_TTL_SECONDS, class: 'IN' };
}

function absence(name: string, rrtypes: ('A' | 'AAAA')[]): ServiceRecord {
  return { type: 'NSEC', name, ttl: HOST_TTL_SECONDS, flush: true, class: 'IN', data: { nextDomain: name, rrtypes } };
}

function kindOf(address: string): 'A' | 'AAAA' {
  return address.includes(':') ? 'AAAA' : 'A';
}
