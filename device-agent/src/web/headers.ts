/** Names and values in turn, as Node.js gives them: what occurs twice stays twice, and in its order. */
type RawHeaders = readonly string[];

export interface RequestOrigin {
  readonly address: string;
  readonly host: string;
  readonly protocol: 'http' | 'https';
  /** Path below which the app lies, e.g. `/porch`; empty where it has a host name. */
  readonly prefix: string;
}

/** Meant for the next hop only (RFC 9110, 7.6.1; `Keep-Alive` and `Proxy-Connection` are older than the rule). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Said by this proxy alone: what a client claims of its own address is not passed on. */
const OURS = new Set([
  'forwarded',
  'host',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-real-ip',
]);

/** What the app is sent. @param upgrade protocol the client asks to switch to, null for a plain request */
export function requestHeaders(raw: RawHeaders, origin: RequestOrigin, upgrade: string | null): string[] {
  const hop = hopByHop(raw);
  const isChunked = pairs(raw).some(([name]) => name.toLowerCase() === 'transfer-encoding');
  return [
    ...['Host', origin.host],
    ...pairs(raw)
      .filter(([name]) => !hop.has(name.toLowerCase()) && !OURS.has(name.toLowerCase()))
      .flat(),
    ...['X-Forwarded-For', origin.address, 'X-Forwarded-Host', origin.host, 'X-Forwarded-Proto', origin.protocol],
    ...(origin.prefix === '' ? [] : ['X-Forwarded-Prefix', origin.prefix]),
    // A body whose length is not known needs an end that the app can see, whatever the method.
    ...(isChunked ? ['Transfer-Encoding', 'chunked'] : []),
    ...(upgrade === null ? [] : ['Connection', 'Upgrade', 'Upgrade', upgrade]),
  ];
}

/** What the client is sent: redirections to a path of the app lead to where the app lies. */
export function answerHeaders(raw: RawHeaders, prefix: string): string[] {
  const hop = hopByHop(raw);
  return pairs(raw)
    .filter(([name]) => !hop.has(name.toLowerCase()))
    .flatMap(([name, value]) =>
      name.toLowerCase() === 'location' && /^\/(?!\/)/.test(value) ? [name, prefix + value] : [name, value],
    );
}

function hopByHop(raw: RawHeaders): ReadonlySet<string> {
  const named = pairs(raw)
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((each) => each.trim().toLowerCase()))
    // Without its length a body could pass for a second request.
    .filter((name) => name !== 'content-length');
  return new Set([...HOP_BY_HOP, ...named]);
}

function pairs(raw: RawHeaders): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index] as string, raw[2 * index + 1] as string]);
}
