import type { Answer, Question } from 'dns-packet';
import type { ServiceRecord } from './records.ts';

export interface Reply {
  readonly answers: ServiceRecord[];
  readonly additionals: ServiceRecord[];
  /** Others may answer too: waits a moment at random (RFC 6762, 6). */
  readonly shared: boolean;
}

/**
 * What of our records answers the questions; null where nothing does.
 * @param known answers that the asker has already (RFC 6762, 7.1)
 */
export function replyTo(
  questions: readonly Question[],
  known: readonly Answer[],
  records: readonly ServiceRecord[],
): Reply | null {
  const asked = new Set(questions.flatMap((question) => recordsFor(question, records)));
  const answers = [...asked].filter((record) => !known.some((other) => isKnown(record, other)));
  if (answers.length === 0) return null;
  // RFC 6763, 12: whoever asks for a service needs its port, its text and its address next.
  const additionals = new Set<ServiceRecord>();
  const follow = (name: string) => {
    for (const record of records) if (record.type !== 'PTR' && isSame(record.name, name)) additionals.add(record);
  };
  for (const record of answers) if (record.type === 'PTR') follow(String(record.data));
  for (const record of [...answers, ...additionals]) if (record.type === 'SRV') follow(record.data.target);
  for (const record of answers) if (record.type === 'A' || record.type === 'AAAA') follow(record.name);
  for (const record of answers) additionals.delete(record);
  return { answers, additionals: [...additionals], shared: answers.some(({ type }) => type === 'PTR') };
}

function recordsFor({ name, type }: Question, records: readonly ServiceRecord[]): ServiceRecord[] {
  const named = records.filter((record) => isSame(record.name, name));
  if ((type as string) === 'ANY') return named.filter((record) => record.type !== 'NSEC');
  const found = named.filter((record) => record.type === type);
  return found.length > 0 ? found : named.filter((record) => record.type === 'NSEC');
}

/** Names are compared without regard to case. */
export function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function isKnown(record: ServiceRecord, other: Answer): boolean {
  if (other.type !== record.type || !isSame(other.name, record.name)) return false;
  const ttl = 'ttl' in other ? (other.ttl ?? 0) : 0;
  return ttl >= (record.ttl ?? 0) / 2 && dataOf(other) === dataOf(record);
}

/** The codec gives texts as octets. */
function dataOf(record: Answer | ServiceRecord): string {
  if (!('data' in record)) return '';
  return JSON.stringify(record.type === 'TXT' ? [record.data].flat().map(String) : record.data);
}

/** RFC 6762, 6.7: to a resolver that knows no multicast DNS, as short-lived records without the flush bit. */
export function forPlainResolver(record: ServiceRecord): ServiceRecord {
  return { ...record, flush: false, ttl: Math.min(record.ttl ?? 0, 10) } as ServiceRecord;
}

/** The next name to try: `pi`, `pi-2`, `pi-3`, … (RFC 6762, 9). A label has at most 63 octets. */
export function nextName(base: string, taken: number): string {
  const suffix = `-${taken + 1}`;
  return base.slice(0, 63 - suffix.length) + suffix;
}

/**
 * Who gets a name that two probe for at once: the one whose records are later in order (RFC 6762, 8.2).
 * @returns below zero where `one` loses
 */
export function compareClaims(one: readonly string[], other: readonly string[]): number {
  const [a, b] = [one, other].map((addresses) => addresses.map(octets).sort(Buffer.compare));
  for (const [index, mine] of (a as Buffer[]).entries()) {
    const theirs = (b as Buffer[])[index];
    if (theirs === undefined) return 1;
    const order = Buffer.compare(mine, theirs);
    if (order !== 0) return order;
  }
  return (a as Buffer[]).length - (b as Buffer[]).length;
}

/** Type and address; those of IPv4 (1) come before those of IPv6 (28). */
function octets(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from([1, ...address.split('.').map(Number)]);
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = tail === undefined ? [] : new Array<number>(8 - left.length - right.length).fill(0);
  return Buffer.from([28, ...[...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 255])]);
}
