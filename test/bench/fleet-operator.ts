import { makePublisher } from '@nodeos/ota-server/testing/publish.ts';
import { appTarget } from '@nodeos/ota-server/testing/release-keys.ts';
import { type AskOperator, claimTokenOf, operatorOf } from '@nodeos/ota-server/testing/server-clients.ts';
import type { Started } from './fleet-server.ts';

/** The operator of the benchmark: publishes one small app, and lets devices in that are tagged `bench`. */
export interface Operator {
  readonly ask: AskOperator;
  /** Path of the app that is published. */
  readonly target: string;
  readonly claimToken: string;
  readonly ca: string;
}

/** @throws Error where the server refuses what it is asked for */
export async function startOperator({ operator, token }: Started): Promise<Operator> {
  const asked = operatorOf(operator, token);
  const ask: AskOperator = async (method, path, ...rest) => {
    const answer = await asked(method, path, ...rest);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
    return answer;
  };
  const octets = 'a small app '.repeat(400);
  const target = await appTarget('hello', '1.0.0', octets);
  await (await makePublisher({ operator: ask })).publish(target, octets);
  const { ca } = (await ask('GET', '/api/v1/server')).json;
  return { ask, ca, target: target.path, claimToken: await claimTokenOf(ask)({ tags: ['bench'] }) };
}
