import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { AuditEntry } from '@nodeos/contracts/audit.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { type Profile, profileSchema } from '@nodeos/device-agent/simulator/profile.ts';
import { startSimulation } from '@nodeos/device-agent/simulator/simulation.ts';
import { runJudge } from '@nodeos/ota-server/testing/judge.ts';
import type { ServerNode } from '@nodeos/ota-server/testing/nodes.ts';
import { startPostgres } from '@nodeos/ota-server/testing/postgres.ts';
import { makePublisher } from '@nodeos/ota-server/testing/publish.ts';
import { appTarget } from '@nodeos/ota-server/testing/release-keys.ts';
import { claimTokenOf } from '@nodeos/ota-server/testing/server-clients.ts';
import { startSeveral } from '@nodeos/ota-server/testing/several-servers.ts';
import { until } from '@nodeos/ota-server/testing/until.ts';
import type * as z from 'zod';
import { startBalancer } from './balancer.ts';
import { startKiller, type Victim } from './killer.ts';

const DEVICES = Number(process.env.DEVICES ?? 1000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** A slow machine needs longer between two kills to get on at all. */
const PAUSE_MS = Number(process.env.PAUSE_SECONDS ?? 15) * 1000;
const RELEASE = 'hello@1.0.0';
const LIMIT_MS = 30 * 60_000;

const postgres = await startPostgres();
after(() => postgres?.stop());

test('kill -9 of servers, PostgreSQL and the broker through a rollout loses nothing', async (context) => {
  assert.ok(postgres !== null, 'the Debian package postgresql is not installed');
  context.diagnostic(
    `seed ${SEED}, ${DEVICES} devices; the same again: SEED=${SEED} DEVICES=${DEVICES} PAUSE_SECONDS=${PAUSE_MS / 1000}`,
  );
  const several = await startSeveral(context, postgres, 2);
  const nodes: (ServerNode | null)[] = [...several.nodes];
  const balancer = await startBalancer();
  context.after(() => balancer.close());
  const aim = (): void => {
    balancer.targets = nodes.flatMap((node) => (node === null ? [] : [node.addresses.device.port]));
  };
  aim();
  /** Asked of whichever server answers. */
  const ask = (path: string) =>
    until(
      path,
      async () => {
        for (const node of nodes) {
          const answer = await node?.operator('GET', path).catch(() => null);
          if (answer?.status === 200) return answer.json;
        }
        return null;
      },
      LIMIT_MS,
    );

  const [first] = several.nodes;
  const publisher = await makePublisher(first);
  const octets = 'the bundle '.repeat(100);
  const target = await appTarget('hello', '1.0.0', octets);
  await publisher.publish(target, octets);
  const fleet: FleetFile = {
    ...{ server: `https://127.0.0.1:${balancer.port}`, broker: first.addresses.mqtt.url, ca: first.ca },
    claimToken: await claimTokenOf(first.operator)({ tags: ['simulated'] }),
  };
  const wishes: z.input<typeof profileSchema> = { connectPerSecond: 50, installMs: [100, 2000] };
  const end = new AbortController();
  const simulation = startSimulation({
    ...{ fleet, devices: DEVICES, seed: String(SEED), signal: end.signal },
    profile: validate(profileSchema as z.ZodType<Profile>, wishes, 'profile'),
    onFault: (index, error) => context.diagnostic(`device ${index}: ${(error as Error).stack}`),
  });
  context.after(async () => {
    end.abort();
    await simulation.ended;
  });
  await until('all devices', () => simulation.counts().online === DEVICES, LIMIT_MS);

  const waves = [{ devices: Math.ceil(DEVICES / 20) }, { percent: 30 }];
  const rollout = { waves, soakSeconds: 3 };
  const { json } = await first.operator('POST', '/api/v1/deployments', {
    ...{ target: target.path, to: { tag: 'simulated' }, rollout },
  });
  const victims: Victim[] = [
    ...nodes.map((_, index) => nodeVictim(index)),
    { name: 'PostgreSQL', kill: () => postgres.kill(), start: () => postgres.start() },
    { name: 'the broker', kill: () => several.broker.kill(), start: () => several.broker.start() },
  ];
  const killer = startKiller(victims, SEED, PAUSE_MS, (line) => context.diagnostic(line));
  const running = (): number => simulation.running(RELEASE);
  const done = async () => {
    const { state } = await ask(`/api/v1/deployments/${json.id}`);
    return state === 'done';
  };
  try {
    await until('the release on every device', () => running() === DEVICES, LIMIT_MS);
    await until('the end of the rollout', done, LIMIT_MS);
  } finally {
    await killer.stop();
    context.diagnostic(`${running()} of ${DEVICES} run ${RELEASE}; kills: ${JSON.stringify([...killer.kills])}`);
  }

  const { entries } = (await ask('/api/v1/audit?actor=server')) as { entries: AuditEntry[] };
  assert.deepEqual(entries.map(({ action }) => action).toReversed(), ['deployment running', 'deployment done']);
  assert.equal((await ask('/api/v1/audit/check')).fault, null);
  const query = async (text: string): Promise<string> =>
    (await runJudge(context, 'psql', ['-At', '-c', text, several.options.store]))?.output.trim() ?? '';
  assert.equal(await query("select count(*) from assignments where state = 'confirmed'"), String(DEVICES));
  assert.equal(await query('select count(*) from assignments where attempts <> 1'), '0', 'a device began twice');
  const ranges = await query('select wave, min(released_at), max(since) from assignments group by wave order by wave');
  context.diagnostic(`wave | first began | last confirmed\n${ranges}`);
  const times = ranges.split('\n').map((line) => line.split('|').map(Number) as [number, number, number]);
  assert.equal(times.length, 3);
  for (const [index, [wave, began]] of times.entries())
    if (index > 0)
      assert.ok(began >= (times[index - 1]?.[2] ?? 0), `wave ${wave} began before the one before it ended`);

  function nodeVictim(index: number): Victim {
    return {
      name: `server ${index + 1}`,
      async kill() {
        await nodes[index]?.kill();
        nodes[index] = null;
        aim();
      },
      async start() {
        nodes[index] = await until('a server', () => several.start().catch(() => null), LIMIT_MS);
        aim();
      },
    };
  }
});
