import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from './backlog.ts';

test('backlog: as much as it may at once, then the next in the order in which it came; what waits is not added again', async () => {
  const faults: unknown[] = [];
  const backlog = new Backlog(2, (...fault) => faults.push(fault));
  const begun: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const add = (name: string): void =>
    backlog.add(name, () => {
      begun.push(name);
      const gate = Promise.withResolvers<void>();
      gates.set(name, gate);
      return gate.promise;
    });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  for (const name of ['a', 'b', 'c', 'd', 'c']) add(name);
  await turn();
  assert.deepEqual(begun, ['a', 'b']);
  // Under way: it may have looked before what it is now to look at.
  add('a');
  let settled = false;
  const over = backlog.settled().then(() => {
    settled = true;
  });
  gates.get('b')?.reject(new Error('in vain'));
  await turn();
  assert.deepEqual(begun, ['a', 'b', 'c']);
  gates.get('a')?.resolve();
  gates.get('c')?.resolve();
  await turn();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'a']);
  assert.equal(settled, false);
  gates.get('d')?.resolve();
  gates.get('a')?.resolve();
  await over;
  assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'a']);
  assert.deepEqual(faults, [[new Error('in vain'), 'b']]);
  await backlog.settled();
});

test('backlog: work that throws before it waits is a fault like another one, and the next begins', async () => {
  const faults: unknown[] = [];
  const backlog = new Backlog(1, (...fault) => faults.push(fault));
  let done = false;
  backlog.add('bad', () => {
    throw new Error('at once');
  });
  backlog.add('good', async () => {
    done = true;
  });
  await backlog.settled();
  assert.equal(done, true);
  assert.deepEqual(faults, [[new Error('at once'), 'bad']]);
});
