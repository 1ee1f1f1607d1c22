import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import { listen } from './cli.testing.ts';
import { createClient } from './client.ts';
import { assertDeployed, followDeployment } from './deployment-watch.ts';

const deployment = (state: Deployment['state'], device: Partial<Deployment['devices'][number]>): Deployment => ({
  id: 'd1',
  target: 'apps/hello/2.0.0/any.sqfs',
  kind: 'app',
  name: 'hello',
  version: '2.0.0',
  to: { device: 'abc' },
  rollout: PLAIN_ROLLOUT,
  state,
  reason: null,
  wave: 0,
  waves: [{ size: 1, counts: {} }],
  counts: {},
  createdAt: 0,
  endedAt: null,
  devices: [
    {
      ...{ id: 'abc', name: 'kiosk', state: 'waiting', percent: null, reason: null, wave: 0, attempts: 1 },
      notBefore: null,
      ...device,
    },
  ],
});

describe('followDeployment', () => {
  it('tells each change once and ends with the deployment', async (test) => {
    const answers = [
      deployment('running', { state: 'working', percent: 40.7 }),
      deployment('running', { state: 'working', percent: 40.9 }),
      deployment('done', { state: 'confirmed' }),
    ];
    const server = await listen(test, (request, response) => {
      if (request.url?.endsWith('/events')) {
        response.setHeader('content-type', 'text/event-stream').write(': open\n\n');
        const timer = setInterval(() => response.write('event: change\ndata: {}\n\n'), 5);
        response.on('close', () => clearInterval(timer));
        return;
      }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answers.shift()));
    });
    const client = createClient({ server, token: 't' }, new AbortController().signal);
    const lines: string[] = [];
    const ended = await followDeployment(client, deployment('running', {}), { say: (line) => lines.push(line) });
    assert.equal(ended.state, 'done');
    assert.deepEqual(lines, [
      'hello 2.0.0 on kiosk: waiting',
      'hello 2.0.0 on kiosk: working 40 %',
      'hello 2.0.0 on kiosk: confirmed',
    ]);
  });

  it('gives up after the limit', async (test) => {
    const server = await listen(test, (_request, response) => response.end(JSON.stringify(deployment('running', {}))));
    const client = createClient({ server, token: 't' }, new AbortController().signal);
    const options = { say: () => {}, seconds: 0.01 };
    await assert.rejects(followDeployment(client, deployment('running', {}), options), { code: 'DEVICE_OFFLINE' });
  });
});

describe('assertDeployed', () => {
  const failed = (reason: string | null) => deployment('failed', { state: 'failed', reason });
  it('accepts what is done', () => assertDeployed(deployment('done', {})));
  for (const [name, value, code, message] of [
    ["the device's own code", failed('APP_PROBE_FAILED: no answer'), 'APP_PROBE_FAILED', /failed on abc: no answer$/],
    ['a code for a reason without one', failed('it broke'), 'APP_START_FAILED', /failed on abc: it broke$/],
    ['a code where no reason is given', failed(null), 'APP_START_FAILED', /gave no reason$/],
    ['a conflict for an aborted one', deployment('aborted', {}), 'CONFLICT', /was aborted$/],
  ] as const) {
    it(`throws ${name}`, () => assert.throws(() => assertDeployed(value), { code, message }));
  }
});
