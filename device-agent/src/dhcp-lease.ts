const OPTIONS_AT = 240;
const MAGIC_COOKIE = 0x6382_5363;
/** Option codes of RFC 2132. */
const CODE = { pad: 0, routers: 3, nameServers: 6, domain: 15, timeServers: 42, end: 255 } as const;

export interface Lease {
  readonly address: string;
  readonly routers: readonly string[];
  readonly nameServers: readonly string[];
  readonly timeServers: readonly string[];
  readonly domain: string | null;
}

/** Reads a DHCP answer (RFC 2131, figure 1) as dhcpcd keeps it in `<interface>.lease`; null where it is not one. */
export function parseLease(message: Buffer): Lease | null {
  if (message.length < OPTIONS_AT || message.readUInt32BE(OPTIONS_AT - 4) !== MAGIC_COOKIE) return null;
  const options = readOptions(message);
  return {
    address: dotted(message, 16),
    routers: addresses(options.get(CODE.routers)),
    nameServers: addresses(options.get(CODE.nameServers)),
    timeServers: addresses(options.get(CODE.timeServers)),
    domain: domainName(options.get(CODE.domain)),
  };
}

/** A code that comes twice is one value in pieces (RFC 3396). */
function readOptions(message: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  let at = OPTIONS_AT;
  while (at < message.length && message[at] !== CODE.end) {
    const code = message[at] as number;
    if (code === CODE.pad) {
      at++;
      continue;
    }
    const length = message[at + 1] ?? 0;
    const value = message.subarray(at + 2, at + 2 + length);
    options.set(code, Buffer.concat([options.get(code) ?? Buffer.alloc(0), value]));
    at += 2 + length;
  }
  return options;
}

function addresses(value: Buffer | undefined): string[] {
  if (!value) return [];
  return Array.from({ length: Math.floor(value.length / 4) }, (_, index) => dotted(value, index * 4));
}

function dotted(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}

/** The server's word goes into a file that others parse: only the letters of a host name are let through. */
function domainName(value: Buffer | undefined): string | null {
  const text = value?.toString('latin1').replace(/\0+$/, '') ?? '';
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/.test(text) ? text : null;
}
