import { type Answer, AUTHORITATIVE_ANSWER, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import { compareClaims, forPlainResolver, isSame, nextName, replyTo } from './answer.ts';
import { type Link, type LinkAddress, MDNS_PORT, openLink, type Sender } from './link.ts';
import { type Announcement, addressRecord, recordsOf, type ServiceRecord } from './records.ts';

/** RFC 6762, 8.1 and 8.3. */
const PROBES = 3;
const PROBE_STEP_MS = 250;
const ANNOUNCEMENTS = 2;
const ANNOUNCE_STEP_MS = 1_000;
/** For one who loses a tie, and for one who meets many conflicts. */
const DEFER_MS = 1_000;
const CONFLICTS_IN_A_ROW = 15;
const DEFER_LONG_MS = 5_000;
/** Between these two, at random, what others may say too is said. */
const SHARED_DELAY_MS = [20, 120] as const;

/** What is announced, without what a network gives to it. */
export type Subject = Pick<Announcement, 'users' | 'httpPort'> & { readonly ipv6: readonly string[] };
export interface ResponderOptions {
  /** The name to begin with, without a domain. */
  readonly host: string;
  /** The name that nobody else in the network has, now announced. */
  readonly onName: (host: string) => void;
  readonly log: (text: string) => void;
}
export interface Responder {
  /** The name that is tried or announced. */
  readonly host: string;
  /** Interfaces and what is announced, as they are now; the same again changes nothing. */
  update(links: readonly LinkAddress[], subject: Subject): void;
  /** Takes everything back and ends. */
  close(): Promise<void>;
}

/** Answers for this device in its networks: multicast DNS (RFC 6762) over IPv4, services by RFC 6763. */
export function createResponder(options: ResponderOptions): Responder {
  let host = options.host;
  let taken = 0;
  let conflicts = 0;
  let state: 'idle' | 'probing' | 'announced' = 'idle';
  let timer: NodeJS.Timeout | null = null;
  let links: Link[] = [];
  let subject: Subject = { users: [], httpPort: null, ipv6: [] };
  let known = '';

  const fqdn = () => `${host}.local`;
  const addressesOn = (link: Link) => [link.address.address, ...subject.ipv6];
  const recordsOn = (link: Link) => recordsOf({ ...subject, host, addresses: addressesOn(link) });
  const isOwn = (address: string) =>
    subject.ipv6.includes(address) || links.some((link) => link.address.address === address);

  function later(milliseconds: number, work: () => void): void {
    if (timer) clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
    timer.unref();
  }

  function probe(left = PROBES): void {
    state = 'probing';
    if (left === 0) {
      announce();
      return;
    }
    for (const link of links) {
      const authorities = addressesOn(link).map((address) => ({ ...addressRecord(fqdn(), address), flush: false }));
      const questions = [{ name: fqdn(), type: 'ANY', class: 'IN' } as unknown as Question];
      link.send({ type: 'query', questions, authorities: authorities as Answer[] });
    }
    later(PROBE_STEP_MS, () => probe(left - 1));
  }

  function announce(left = ANNOUNCEMENTS): void {
    if (state !== 'announced') {
      state = 'announced';
      conflicts = 0;
      options.onName(host);
    }
    for (const link of links) say(link, recordsOn(link));
    if (left > 1) later(ANNOUNCE_STEP_MS, () => announce(left - 1));
  }

  function say(link: Link, answers: readonly ServiceRecord[], more: Partial<Packet> = {}, to?: Sender): void {
    link.send({ type: 'response', flags: AUTHORITATIVE_ANSWER, answers: answers as Answer[], ...more }, to);
  }

  /** RFC 6762, 10.1: others forget the records at once. */
  function takeBack(link: Link, records: readonly ServiceRecord[]): void {
    if (state === 'announced' && records.length > 0)
      say(
        link,
        records.map((record) => ({ ...record, ttl: 0 }) as ServiceRecord),
      );
  }

  function rename(): void {
    const before = host;
    taken++;
    conflicts++;
    host = nextName(options.host, taken);
    options.log(`mDNS: the name ${before}.local is another's in this network, trying ${host}.local`);
    state = 'probing';
    later(conflicts > CONFLICTS_IN_A_ROW ? DEFER_LONG_MS : PROBE_STEP_MS * Math.random(), () => probe());
  }

  function hear(link: Link, packet: DecodedPacket, sender: Sender): void {
    if (state === 'idle') return;
    if (packet.type === 'response') hearAnswer(packet);
    else if (state === 'probing') hearProbe(link, packet);
    else reply(link, packet, sender);
  }

  function hearAnswer({ answers = [], additionals = [] }: DecodedPacket): void {
    const isForeign = [...answers, ...additionals].some(
      (record) =>
        (record.type === 'A' || record.type === 'AAAA') &&
        isSame(record.name, fqdn()) &&
        record.ttl !== 0 &&
        !isOwn(record.data) &&
        !record.data.startsWith('fe80:'),
    );
    if (!isForeign) return;
    // RFC 6762, 9: whoever has it will say so again when asked.
    if (state === 'announced') probe();
    else rename();
  }

  function hearProbe(link: Link, { authorities = [] }: DecodedPacket): void {
    const claimed = authorities.filter(
      (record) => (record.type === 'A' || record.type === 'AAAA') && isSame(record.name, fqdn()),
    );
    if (claimed.length === 0) return;
    const theirs = claimed.map((record) => String((record as { data: unknown }).data));
    if (theirs.every(isOwn)) return;
    if (compareClaims(addressesOn(link), theirs) < 0) later(DEFER_MS, () => probe());
  }

  function reply(link: Link, packet: DecodedPacket, sender: Sender): void {
    const found = replyTo(packet.questions ?? [], packet.answers ?? [], recordsOn(link));
    if (found === null) return;
    const { answers, additionals, shared } = found;
    if (sender.port !== MDNS_PORT) {
      const { id, questions } = packet;
      const more = { id, questions, additionals: additionals.map(forPlainResolver) as Answer[] };
      say(link, answers.map(forPlainResolver), more, sender);
      return;
    }
    const [least, most] = SHARED_DELAY_MS;
    const delayMs = shared ? least + Math.random() * (most - least) : 0;
    setTimeout(() => say(link, answers, { additionals: additionals as Answer[] }), delayMs).unref();
  }

  return {
    get host() {
      return host;
    },
    update(addresses, next) {
      const signature = JSON.stringify([addresses, next]);
      if (signature === known) return;
      known = signature;
      const before = new Map(links.map((link) => [link, recordsOn(link)]));
      const gone = links.filter((link) => !addresses.some((address) => isEqual(address, link.address)));
      const fresh = addresses.filter((address) => !links.some((link) => isEqual(address, link.address)));
      links = links.filter((link) => !gone.includes(link));
      for (const link of gone) void link.close();
      subject = next;
      for (const link of links) {
        const now = new Set(recordsOn(link).map((record) => JSON.stringify(record)));
        takeBack(
          link,
          (before.get(link) ?? []).filter((record) => record.type !== 'NSEC' && !now.has(JSON.stringify(record))),
        );
      }
      for (const address of fresh) {
        const link: Link = openLink(address, (packet, sender) => hear(link, packet, sender), options.log);
        links.push(link);
      }
      if (links.length === 0) {
        state = 'idle';
        if (timer) clearTimeout(timer);
      } else if (fresh.length > 0 || state === 'idle') {
        // RFC 6762, 8.1: many that are switched on together do not ask together. The socket is bound by then, too.
        state = 'probing';
        later(PROBE_STEP_MS * (0.2 + Math.random()), () => probe());
      } else if (state === 'announced') announce();
    },
    async close() {
      if (timer) clearTimeout(timer);
      for (const link of links) takeBack(link, recordsOn(link));
      state = 'idle';
      await Promise.all(links.map((link) => link.close()));
      links = [];
    },
  };
}

function isEqual(one: LinkAddress, other: LinkAddress): boolean {
  return one.address === other.address && one.prefix === other.prefix;
}
