import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { type Authority, openAuthority } from '../authority.ts';
import { makeDeviceKey, makeRequest, privatePem } from '../testing/device-identity.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import type { Broker, BrokerOptions } from './broker.ts';
import { BROKER_USER } from './mosquitto.ts';

/** What a test needs of a broker that is under way. */
export interface OpenBroker {
  readonly broker: Broker;
  /** Where devices connect. */
  readonly port: number;
  readonly authority: Authority;
}
export type OpenTestBroker = (
  context: TestContext,
  options: Pick<BrokerOptions, 'mayConnect' | 'listener'>,
) => Promise<OpenBroker>;

interface Identity {
  readonly id: string;
  readonly key: string;
  readonly cert: string;
}

/** What every implementation of Broker must do. */
export function testBroker(name: string, open: OpenTestBroker, skip: { readonly skip?: string } = {}): void {
  // A broker that takes a connection away leaves its client waiting for ever.
  const options = { ...skip, timeout: 60_000 };
  async function begin(context: TestContext) {
    const heard: string[] = [];
    const refused = new Set<string>();
    const opened = await open(context, {
      mayConnect: async (id) => !refused.has(id),
      listener: {
        presence: (id, online) => heard.push(`${id} ${online ? 'online' : 'offline'}`),
        listening: (id) => heard.push(`${id} listening`),
        logs: (id, { lines }) => heard.push(`${id} ${lines.map(({ text }) => text).join()}`),
        repl: (id, { data }) => heard.push(`${id} repl ${data}`),
        malformed: (id) => heard.push(`${id} malformed`),
      },
    });
    const { authority, port } = opened;
    const identity = async (by = authority): Promise<Identity> => {
      const key = await makeDeviceKey();
      const request = await by.readRequest(await makeRequest(key));
      return { id: request.deviceId, key: privatePem(key), cert: await by.issueDevice(request) };
    };
    const connect = async ({ id, key, cert }: Identity, change: IClientOptions = {}): Promise<MqttClient> => {
      const client = await connectAsync(
        `mqtts://127.0.0.1:${port}`,
        {
          ...{ protocolVersion: 4, clientId: id, ca: authority.certificate, key, cert, reconnectPeriod: 0 },
          ...{ will: { topic: `nodeos/${id}/presence`, payload: OFFLINE, qos: 1, retain: true }, ...change },
        },
        false,
      );
      client.on('error', () => undefined);
      context.after(() => client.endAsync(true));
      return client;
    };
    /** As a device begins. */
    const arrive = async (who: Identity): Promise<MqttClient> => {
      const client = await connect(who);
      const subscribed = client.subscribeAsync([`nodeos/${who.id}/tell`, `nodeos/${who.id}/repl/in`], { qos: 1 });
      await client.publishAsync(`nodeos/${who.id}/presence`, '{"online":true}', { qos: 1, retain: true });
      await subscribed;
      await until(`${who.id} online`, () => opened.broker.isOnline(who.id));
      return client;
    };
    return { ...opened, heard, refused, identity, connect, arrive };
  }
  const logs = (text: string): string => JSON.stringify({ lines: [{ at: 1, source: 'a', stream: 'stdout', text }] });
  const say = (client: MqttClient, topic: string, text: string) => client.publish(topic, text, { qos: 1 });

  test(`${name}: presence follows the connection, its loss, and the device’s own word`, options, async (context) => {
    const { broker, heard, identity, arrive } = await begin(context);
    const device = await identity();
    assert.equal(broker.isOnline(device.id), false);
    const client = await arrive(device);
    await until('word of it', () => heard.includes(`${device.id} listening`));
    assert.ok(heard.includes(`${device.id} online`));
    say(client, `nodeos/${device.id}/presence`, '{"online":false}');
    await until('offline by its own word', () => !broker.isOnline(device.id));
    say(client, `nodeos/${device.id}/presence`, '{"online":true}');
    await until('online again', () => broker.isOnline(device.id));
    client.stream.destroy();
    await until('offline after the loss', () => !broker.isOnline(device.id));
    await until('word of it', () => heard.at(-1) === `${device.id} offline`);
    await arrive(device);
  });

  test(`${name}: a message reaches its device and no other, whatever others subscribe to`, options, async (context) => {
    const { broker, identity, arrive } = await begin(context);
    const [one, away] = [await identity(), await identity()];
    const collect = async (who: Identity) => {
      const got: string[] = [];
      const client = await arrive(who);
      client.on('message', (topic, payload) => got.push(`${topic} ${payload}`));
      return { ...who, client, got };
    };
    const first = await collect(one);
    const curious = await Promise.all(
      ['#', 'nodeos/+/tell', `nodeos/${one.id}/tell`, `nodeos/${one.id}/#`].map(async (filter) => {
        const other = await collect(await identity());
        // A broker may refuse these, or cut the connection, or deliver nothing for them.
        await orClosed(other.client, other.client.subscribeAsync(filter, { qos: 1 }));
        return other;
      }),
    );
    assert.equal(await broker.tell(one.id, { kind: 'reboot' }), true);
    assert.equal(await broker.sendRepl(one.id, { session: 's', data: '1', end: false }), true);
    await until('both messages', () => first.got.length === 2);
    assert.deepEqual(first.got, [
      `nodeos/${one.id}/tell {"kind":"reboot"}`,
      `nodeos/${one.id}/repl/in {"session":"s","data":"1","end":false}`,
    ]);
    for (const { id, client, got } of curious) {
      await until('a message of its own', () => !client.connected || told(id, got));
      assert.deepEqual([...new Set(got)], client.connected ? [`nodeos/${id}/tell {"kind":"report-now"}`] : [], id);
    }
    assert.equal(await broker.tell(away.id, { kind: 'reboot' }), false);
    assert.equal(await broker.sendRepl(away.id, { session: 's', data: '1', end: false }), false);

    async function told(id: string, got: readonly string[]): Promise<boolean> {
      if (got.length === 0) await broker.tell(id, { kind: 'report-now' });
      return got.length > 0;
    }
  });

  test(
    `${name}: many that are told at once hear it once each, the last no more than the others`,
    options,
    async (context) => {
      const { broker, identity, arrive } = await begin(context);
      const who = await Promise.all(Array.from({ length: 5 }, () => identity()));
      const got: string[] = [];
      for (const one of who) {
        const client = await arrive(one);
        client.on('message', (topic, payload) => got.push(`${topic} ${payload}`));
      }
      const away = await identity();
      const tellAll = (generation: number): Promise<boolean[]> =>
        Promise.all([...who, away].map(({ id }) => broker.tell(id, { kind: 'desired-changed', generation })));
      const expected = (generation: number): string[] =>
        who.map(({ id }) => `nodeos/${id}/tell {"kind":"desired-changed","generation":${generation}}`);
      const toldAre = [...who.map(() => true), false];
      assert.deepEqual(await Promise.all([tellAll(1), tellAll(2)]), [toldAre, toldAre]);
      await until('all of it', () => got.length === 10);
      assert.deepEqual(got.toSorted(), [...expected(1), ...expected(2)].toSorted());
      assert.deepEqual(await tellAll(3), toldAre);
      await until('the third', () => got.length === 15);
      assert.deepEqual(got.slice(10).toSorted(), expected(3).toSorted());
    },
  );

  test(`${name}: what a device says is heard as its own only, and nonsense is dropped`, options, async (context) => {
    const { heard, identity, arrive } = await begin(context);
    const [one, two] = [await identity(), await identity()];
    const [first, second] = [await arrive(one), await arrive(two)];
    say(first, `nodeos/${one.id}/logs`, '{"lines":1}');
    say(first, `nodeos/${one.id}/logs`, logs('fine'));
    say(first, `nodeos/${one.id}/repl/out`, '{"session":"s","data":"2","end":false}');
    await until('what it said', () => heard.includes(`${one.id} repl 2`));
    assert.ok(heard.includes(`${one.id} malformed`) && heard.includes(`${one.id} fine`));
    // A broker may take these without a word, or end the connection for each.
    for (const topic of [`nodeos/${one.id}/logs`, `nodeos/${one.id}/presence`]) {
      const forger = second.connected ? second : await arrive(two);
      say(forger, topic, topic.endsWith('logs') ? logs('forged') : '{"online":false}');
      await orClosed(forger, forger.publishAsync(`nodeos/${two.id}/logs`, logs('own'), { qos: 1 }));
    }
    const last = second.connected ? second : await arrive(two);
    say(last, `nodeos/${two.id}/logs`, logs('end'));
    await until('the end', () => heard.includes(`${two.id} end`));
    assert.ok(!heard.some((line) => line.includes('forged')), heard.join('\n'));
    assert.ok(!heard.includes(`${one.id} offline`), heard.join('\n'));
  });

  test(`${name}: no certificate, a foreign one or another’s name get nobody in`, options, async (context) => {
    const { broker, identity, arrive, connect, authority } = await begin(context);
    const device = await identity();
    const client = await arrive(device);
    const other = await identity();
    await assert.rejects(connect({ ...other, key: undefined, cert: undefined } as never));
    const foreign = await openAuthority(await temporaryFolder(context));
    await assert.rejects(connect(await identity(foreign)));
    assert.notEqual(foreign.certificate, authority.certificate);
    // With the other's client id: refused, or let in under the name of the certificate.
    await connect(other, { clientId: device.id, will: undefined }).catch(() => undefined);
    await client.publishAsync(`nodeos/${device.id}/presence`, '{"online":true}', { qos: 1 });
    assert.ok(client.connected && broker.isOnline(device.id));
  });

  test(`${name}: a user name with a password does not stand for a certificate`, options, async (context) => {
    const { broker, heard, identity, arrive, connect } = await begin(context);
    const [one, two] = [await identity(), await identity()];
    const first = await arrive(one);
    for (const username of [one.id, BROKER_USER])
      for (const clientId of [one.id, two.id]) {
        const words = { username, password: 'x', clientId, will: undefined };
        const forger = await connect(two, words as IClientOptions).catch(() => null);
        if (forger === null) continue;
        say(forger, `nodeos/${one.id}/logs`, logs('forged'));
        await orClosed(forger, forger.publishAsync(`nodeos/${two.id}/logs`, logs('own'), { qos: 1 }));
        await forger.endAsync(true);
      }
    await first.publishAsync(`nodeos/${one.id}/logs`, logs('still here'), { qos: 1 });
    await until('its word', () => heard.includes(`${one.id} still here`));
    assert.ok(!heard.some((line) => line.includes('forged')), heard.join('\n'));
    assert.ok(first.connected && broker.isOnline(one.id));
  });

  test(`${name}: a will for another device’s topic is never heard`, options, async (context) => {
    const { heard, identity, arrive, connect } = await begin(context);
    const [one, two] = [await identity(), await identity()];
    const first = await arrive(one);
    const will = { topic: `nodeos/${one.id}/presence`, payload: OFFLINE, qos: 1 as const, retain: true };
    const forger = await connect(two, { will }).catch(() => null);
    forger?.stream.destroy();
    const second = await arrive(two);
    say(second, `nodeos/${two.id}/logs`, logs('end'));
    say(first, `nodeos/${one.id}/logs`, logs('still here'));
    await until('both', () => heard.includes(`${two.id} end`) && heard.includes(`${one.id} still here`));
    assert.ok(!heard.includes(`${one.id} offline`), heard.join('\n'));
  });

  test(`${name}: who is shut out is cut off and not heard again`, options, async (context) => {
    const { broker, heard, refused, identity, arrive, connect } = await begin(context);
    const [device, other] = [await identity(), await identity()];
    const [client, beside] = [await arrive(device), await arrive(other)];
    refused.add(device.id);
    await broker.disconnect(device.id);
    await until('the end of its connection', () => !client.connected);
    await until('offline', () => !broker.isOnline(device.id));
    assert.ok(beside.connected);
    const again = await connect(device).catch(() => null);
    if (again !== null) {
      say(again, `nodeos/${device.id}/presence`, '{"online":true}');
      await until('thrown out again', () => !again.connected);
    }
    assert.equal(await broker.tell(device.id, { kind: 'reboot' }), false);
    say(beside, `nodeos/${other.id}/logs`, logs('end'));
    await until('the end', () => heard.includes(`${other.id} end`));
    assert.equal(broker.isOnline(device.id), false);
  });
}

const OFFLINE = Buffer.from('{"online":false}');

/** Waits for the work, or for the broker to end the connection for it, which would leave it waiting for ever. */
async function orClosed(client: MqttClient, work: Promise<unknown>): Promise<void> {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  await Promise.race([work.catch(() => undefined), closed]);
}
