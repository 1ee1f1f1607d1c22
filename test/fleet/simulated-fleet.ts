import type { TestContext } from 'node:test';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { type Profile, profileSchema } from '@nodeos/device-agent/simulator/profile.ts';
import { type Simulation, startSimulation } from '@nodeos/device-agent/simulator/simulation.ts';
import { makePublisher } from '@nodeos/ota-server/testing/publish.ts';
import { appTarget, systemTarget } from '@nodeos/ota-server/testing/release-keys.ts';
import { type RunningServer, runServer } from '@nodeos/ota-server/testing/running-server.ts';
import type * as z from 'zod';

/** A device whose download failed on a busy machine asks again by itself within five minutes. */
export const FLEET_LIMIT_MS = 600_000;

export interface SimulatedFleet {
  readonly running: RunningServer;
  readonly simulation: Simulation;
  deploy(target: string, rollout?: object): Promise<Deployment>;
  show(id: string): Promise<Deployment>;
}

/** A server with published releases (`hello@1.0.0`, `system@1.1.0`, …) and devices that are simulated, all of them new. */
export async function startFleet(
  context: TestContext,
  devices: number,
  releases: readonly string[],
  change: z.input<typeof profileSchema>,
  dashboard = false,
): Promise<SimulatedFleet> {
  const running = await runServer(context, undefined, dashboard);
  const publisher = await makePublisher(running);
  for (const release of releases) {
    const [name, version] = release.split('@') as [string, string];
    const octets = `${release} `.repeat(200);
    const target =
      name === 'system' ? systemTarget('x86_64-usb', version, octets) : await appTarget(name, version, octets);
    await publisher.publish(target, octets);
  }
  const { device, mqtt } = running.server.addresses;
  const claimToken = await running.claimToken({ tags: ['simulated'] });
  const fleet: FleetFile = { server: device.url, broker: mqtt.url, ca: running.ca, claimToken };
  const profile = validate(profileSchema as z.ZodType<Profile>, change, 'profile');
  const end = new AbortController();
  const simulation = startSimulation({ fleet, devices, profile, seed: 'test', signal: end.signal });
  context.after(async () => {
    end.abort();
    await simulation.ended;
  });
  return {
    running,
    simulation,
    async deploy(target, rollout) {
      const answer = await running.operator('POST', '/api/v1/deployments', {
        target,
        to: { tag: 'simulated' },
        rollout,
      });
      if (answer.status !== 200) throw new Error(answer.text);
      return answer.json;
    },
    show: async (id) => (await running.operator('GET', `/api/v1/deployments/${id}`)).json,
  };
}
