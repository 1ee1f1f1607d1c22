import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { controlStorms } from './storm-control.ts';

test('a device that storms loses its link, once, and gets it back after a while', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: unknown[] = [];
  let onTold = Promise.withResolvers<void>();
  const storms = await controlStorms(
    {
      async execute(command, parameters) {
        told.push([command, parameters]);
        onTold.resolve();
      },
    },
    () => {},
  );
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  t.after(() => storms.close());
  const flood = setInterval(() => {
    for (let count = 0; count < 50; count++) socket.send('x', storms.port, '127.0.0.1');
  }, 5);
  t.after(() => clearInterval(flood));
  await onTold.promise;
  assert.deepEqual(told, [['set_link', { name: 'net', up: false }]]);
  clearInterval(flood);
  onTold = Promise.withResolvers();
  t.mock.timers.tick(149_999);
  assert.equal(told.length, 1);
  t.mock.timers.tick(1);
  await onTold.promise;
  assert.deepEqual(told[1], ['set_link', { name: 'net', up: true }]);
});
