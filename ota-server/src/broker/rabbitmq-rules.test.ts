import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayInRabbitmq, type RabbitmqQuestion } from './rabbitmq-rules.ts';

const [OWN, OTHER] = ['a'.repeat(16), 'b'.repeat(16)];
const may = (question: RabbitmqQuestion, fields: Record<string, string>, active = true): Promise<boolean> =>
  mayInRabbitmq(question, new URLSearchParams({ username: OWN, vhost: 'nodeos', ...fields }), async () => active);
const topic = (permission: string, key: string, change = {}) =>
  may('topic', { resource: 'topic', name: 'amq.topic', permission, routing_key: key, ...change });

test('who comes by certificate and is active gets in; nobody does by a password', async () => {
  assert.equal(await may('user', {}), true);
  assert.equal(await may('user', {}, false), false);
  for (const password of ['x', '']) assert.equal(await may('user', { password }), false);
  for (const username of ['nodeos-server', 'guest', '', `${OWN}:nodeos`, OWN.toUpperCase()])
    assert.equal(await may('user', { username }), false, username);
});

test('a device is in the one virtual host only, under its own client id', async () => {
  assert.equal(await may('vhost', { client_id: OWN }), true);
  assert.equal(await may('vhost', { client_id: OTHER }), false);
  assert.equal(await may('vhost', {}), false);
  assert.equal(await may('vhost', { client_id: OWN, vhost: '/' }), false);
});

test('a device has its own queues, and the exchange without making or removing it', async () => {
  const resource = (kind: string, name: string, permission: string) =>
    may('resource', { resource: kind, name, permission });
  for (const permission of ['configure', 'write', 'read']) {
    assert.equal(await resource('queue', `mqtt-subscription-${OWN}qos1`, permission), true);
    assert.equal(await resource('queue', `mqtt-subscription-${OTHER}qos1`, permission), false);
    assert.equal(await resource('exchange', 'amq.topic', permission), permission !== 'configure');
    assert.equal(await resource('exchange', 'amq.direct', permission), false);
    assert.equal(await resource('exchange', '', permission), false);
  }
});

test('a device writes and reads its own topics and nothing else', async () => {
  for (const kind of ['presence', 'logs', 'repl.out']) {
    assert.equal(await topic('write', `nodeos.${OWN}.${kind}`), true);
    assert.equal(await topic('read', `nodeos.${OWN}.${kind}`), false);
    assert.equal(await topic('write', `nodeos.${OTHER}.${kind}`), false);
  }
  for (const kind of ['tell', 'repl.in']) {
    assert.equal(await topic('read', `nodeos.${OWN}.${kind}`), true);
    assert.equal(await topic('write', `nodeos.${OWN}.${kind}`), false);
    assert.equal(await topic('read', `nodeos.${OTHER}.${kind}`), false);
  }
  for (const key of ['#', 'nodeos.#', 'nodeos.*.tell', `nodeos.${OWN}.#`, `nodeos/${OWN}/tell`, ''])
    assert.equal(await topic('read', key), false, key);
  for (const change of [{ vhost: '/' }, { name: 'amq.fanout' }, { permission: 'configure' }])
    assert.equal(await topic('read', `nodeos.${OWN}.tell`, change), false);
});
