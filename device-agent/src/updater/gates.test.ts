import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type GateObservation, type GateRules, passGates, shutGates } from './gates.ts';

const GOOD: GateObservation = {
  atMs: 0,
  serverReached: true,
  appsFault: null,
  availableKiB: 50_000,
  agentRssKiB: 60_000,
};
const RULES: GateRules = {
  serverNeeded: true,
  soakMs: 5000,
  timeoutMs: 60_000,
  minAvailableKiB: 8192,
  maxAgentRssKiB: 131_072,
};

/** Runs the gates over a story: what is seen at each second; the last goes on. */
async function run(story: readonly Partial<GateObservation>[], rules: Partial<GateRules> = {}): Promise<number> {
  let second = 0;
  await passGates(
    {
      observe: async () => ({ ...GOOD, ...story[Math.min(second, story.length - 1)], atMs: second * 1000 }),
      pause: async () => {
        second++;
        assert.ok(second < 10_000, 'the gates never end');
      },
    },
    { ...RULES, ...rules },
  );
  return second;
}

test('a healthy system passes after the soak time, not before', async () => {
  assert.equal(await run([{}]), 5);
  assert.equal(await run([{}], { soakMs: 0 }), 0);
});

test('each gate keeps the system out, with its reason', async () => {
  await assert.rejects(run([{ serverReached: false }]), /TRIAL_FAILED|after 60 s: the server was not reached/);
  await assert.rejects(run([{ appsFault: 'hello: exit code 1' }]), /apps: hello: exit code 1/);
  await assert.rejects(run([{ availableKiB: 8000 }]), /only 8000 KiB/);
  await assert.rejects(run([{ agentRssKiB: 140_000 }]), /takes 140000 KiB/);
});

test('the server does not count where the old system could not reach it either', async () => {
  assert.equal(await run([{ serverReached: false }], { serverNeeded: false }), 5);
});

test('one bad moment begins the soak anew', async () => {
  assert.equal(await run([{}, {}, {}, {}, { appsFault: 'down' }, {}]), 10);
});

test('gates that open and shut never pass, and the limit ends it', async () => {
  const story = Array.from({ length: 400 }, (_, index) => ({ serverReached: index % 4 !== 0 }));
  await assert.rejects(run(story), /after 60 s/);
});

test('without a limit the wait goes on', async () => {
  const story = [...Array.from({ length: 500 }, () => ({ appsFault: 'starting' })), {}];
  assert.equal(await run(story, { timeoutMs: null }), 505);
});

test('it passes only where the whole soak time before was good', async () => {
  const moments = fc.array(fc.record({ serverReached: fc.boolean(), appsFault: fc.constantFrom(null, null, 'down') }), {
    minLength: 1,
    maxLength: 90,
  });
  await fc.assert(
    fc.asyncProperty(moments, async (story) => {
      const at = await run(story).catch(() => null);
      if (at === null) return;
      for (let second = at - 5; second <= at; second++) {
        const seen = { ...GOOD, ...story[Math.min(second, story.length - 1)] };
        assert.deepEqual(shutGates(seen, RULES), []);
      }
    }),
  );
});
