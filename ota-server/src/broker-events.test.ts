import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrokerEvents } from './broker-events.ts';
import { SERVER_LIMITS } from './limits.ts';

/** A context of which only what presence needs is there. */
function contextOf(presence: (id: string) => Promise<void>, faults: unknown[]) {
  return {
    fleets: { ofDevice: async () => ({ deviceReports: { presence } }) },
    log: { error: ({ err }: { err: unknown }) => faults.push(err) },
    metrics: { message: () => {} },
    repl: { deviceLeft: () => {} },
  } as unknown as ReturnType<Parameters<typeof openBrokerEvents>[0]>;
}

test('what was heard is dealt with before the store may be closed, be it in vain', async () => {
  const done: string[] = [];
  const faults: unknown[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const presence = async (id: string): Promise<void> => {
    await gates[id === 'good' ? 0 : 1].promise;
    done.push(id);
  };
  const { listener, settled } = openBrokerEvents(() => contextOf(presence, faults));
  listener.presence('good', true);
  listener.presence('bad', false);
  const over = settled().then(() => done.push('settled'));
  gates[1].reject(new Error('no such device'));
  gates[0].resolve();
  await over;
  assert.deepEqual(done, ['good', 'settled']);
  assert.match(String(faults), /no such device/);
  await settled();
});

test('a fleet that comes at once does not ask the database for all of its devices at once', async () => {
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const presence = (id: string): Promise<void> => {
    begun.push(id);
    return gate.promise;
  };
  const { listener, settled } = openBrokerEvents(() => contextOf(presence, []));
  const ids = Array.from({ length: 1000 }, (_, index) => `device ${index}`);
  for (const id of ids) listener.presence(id, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, ids.slice(0, SERVER_LIMITS.brokerEventsAtOnce));
  gate.resolve();
  await settled();
  assert.deepEqual(begun, ids);
});
