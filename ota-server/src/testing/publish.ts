import { createHash } from 'node:crypto';
import { makeReleaseKey, makeRoot, makeTargets, type ReleaseKey, type TargetParts } from './release-keys.ts';
import type { RunningServer } from './running-server.ts';

/** Publishes as the command line does: root first, then blobs, then signed targets. */
export async function makePublisher(running: Pick<RunningServer, 'operator'>): Promise<{
  readonly key: ReleaseKey;
  /** Takes the place of what was published for the same path. */
  publish(target: TargetParts, octets: string): Promise<void>;
}> {
  const key = makeReleaseKey();
  const { onlineKeys } = (await running.operator('GET', '/api/v1/server')).json;
  const put = async (path: string, body: string): Promise<void> => {
    const answer = await running.operator('PUT', path, body);
    if (answer.status >= 300) throw new Error(`PUT ${path}: ${answer.text}`);
  };
  await put('/api/v1/tuf/root', makeRoot({ rootKeys: [key], targetsKeys: [key], online: onlineKeys }));
  const targets = new Map<string, TargetParts>();
  let version = 0;
  return {
    key,
    async publish(target, octets) {
      await put(`/api/v1/blobs/${createHash('sha256').update(octets).digest('hex')}`, octets);
      targets.set(target.path, target);
      await put('/api/v1/tuf/targets', makeTargets(++version, [...targets.values()], [key]));
    },
  };
}
