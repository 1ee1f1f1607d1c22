import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, decode, encode, type Question } from 'dns-packet';
import { compareClaims, forPlainResolver, nextName, replyTo } from './answer.ts';
import { recordsOf } from './records.ts';

const subject = { host: 'pi', addresses: ['10.0.0.7', '2001:db8::7'], users: ['porch'], httpPort: 80 };
const records = recordsOf(subject);
const ask = (name: string, type: string, known: Answer[] = [], from = records) =>
  replyTo([{ name, type } as Question], known, from);
const short = (found: readonly { type: string; name: string; data: unknown }[] = []) =>
  found.map(({ type, name, data }) => `${type} ${name} ${JSON.stringify(data)}`);

describe('replyTo', () => {
  it('gives the addresses of the device and of its apps, in any case of letters', () => {
    const reply = ask('Pi.LOCAL', 'A');
    assert.deepEqual(short(reply?.answers), ['A pi.local "10.0.0.7"']);
    assert.deepEqual(short(reply?.additionals).slice(0, 1), ['AAAA pi.local "2001:db8::7"']);
    assert.equal(reply?.shared, false);
    assert.deepEqual(short(ask('porch.pi.local', 'AAAA')?.answers), ['AAAA porch.pi.local "2001:db8::7"']);
  });
  it('says that there is no address of a kind, and nothing of names that are not its own', () => {
    const only4 = recordsOf({ ...subject, addresses: ['10.0.0.7'] });
    assert.deepEqual(short(ask('pi.local', 'AAAA', [], only4)?.answers), [
      'NSEC pi.local {"nextDomain":"pi.local","rrtypes":["A"]}',
    ]);
    for (const name of ['pia.local', 'other.pi.local', 'pi', 'local']) assert.equal(ask(name, 'A'), null, name);
  });
  it('gives a service with all that is asked for next', () => {
    const reply = ask('_http._tcp.local', 'PTR');
    assert.deepEqual(short(reply?.answers), [
      'PTR _http._tcp.local "pi._http._tcp.local"',
      'PTR _http._tcp.local "porch on pi._http._tcp.local"',
    ]);
    assert.ok(reply?.shared);
    const more = short(reply?.additionals);
    assert.ok(more.includes('TXT porch on pi._http._tcp.local ["path=/porch/"]'), more.join('; '));
    assert.ok(more.includes('A pi.local "10.0.0.7"'));
    assert.deepEqual(short(ask('_services._dns-sd._udp.local', 'PTR')?.answers), [
      'PTR _services._dns-sd._udp.local "_http._tcp.local"',
    ]);
  });
  it('leaves out what the asker knows, unless it is about to forget it', () => {
    const wire = decode(encode({ type: 'response', answers: records as Answer[] })).answers ?? [];
    assert.equal(ask('_http._tcp.local', 'PTR', wire), null);
    assert.equal(ask('pi._http._tcp.local', 'TXT', wire), null);
    const old = wire.map((record) => ({ ...record, ttl: 59 }) as Answer);
    assert.equal(ask('pi.local', 'A', old)?.answers.length, 1);
  });
  it('tells no service while the proxy does not listen', () => {
    const without = recordsOf({ ...subject, httpPort: null });
    assert.equal(ask('_http._tcp.local', 'PTR', [], without), null);
    assert.equal(ask('pi.local', 'ANY', [], without)?.answers.length, 2);
  });
  it('keeps labels within 63 octets', () => {
    const long = recordsOf({ ...subject, host: 'h'.repeat(63), users: ['u'.repeat(32)] });
    for (const label of long.flatMap(({ name }) => name.split('.'))) assert.ok(label.length <= 63, label);
    encode({ type: 'response', answers: long as Answer[] });
  });
  it('gives plain resolvers short lives without the flush bit', () => {
    for (const record of records.map(forPlainResolver)) assert.deepEqual([record.flush, record.ttl], [false, 10]);
  });
});

describe('names', () => {
  it('are counted on, within 63 octets', () => {
    assert.deepEqual([nextName('pi', 1), nextName('pi', 2)], ['pi-2', 'pi-3']);
    assert.equal(nextName('h'.repeat(63), 9), `${'h'.repeat(60)}-10`);
  });
  for (const [one, other, order] of [
    [['10.0.0.7'], ['10.0.0.9'], -1],
    [['10.0.0.10'], ['10.0.0.9'], 1],
    [['200.0.0.1'], ['99.0.0.1'], 1],
    [['10.0.0.7'], ['10.0.0.7'], 0],
    [['2001:db8::1', '10.0.0.7'], ['10.0.0.7'], 1],
    [['10.0.0.7'], ['10.0.0.7', '::1'], -1],
    [['fd00::2'], ['fd00:0:0:0:0:0:0:1'], 1],
    [['fd00::1'], ['192.168.0.1'], 1],
  ] as const) {
    it(`${one} ${['lose to', 'tie with', 'win over'][order + 1]} ${other}`, () =>
      assert.equal(Math.sign(compareClaims(one, other)), order));
  }
});
