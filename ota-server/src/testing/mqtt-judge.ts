import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runJudge, type Verdict } from './judge.ts';

export interface JudgedIdentity {
  readonly id: string;
  readonly keyPem: string;
  readonly certificate: string;
}

export interface MqttJudge {
  /** mosquitto_pub of one retained message; null where it is not installed */
  publish(by: JudgedIdentity, topic: string, clientId?: string, more?: readonly string[]): Promise<Verdict | null>;
  /** mosquitto_sub until so many messages have come, or so many seconds have passed; null where it is not installed */
  subscribe(by: JudgedIdentity, filters: readonly string[], messages: number, seconds: number): Promise<Verdict | null>;
}

/** Mosquitto's clients at a broker on loopback: an independent implementation of MQTT, by the certificate of a device. */
export function mqttJudge(context: TestContext, at: { port: number; ca: string; folder: string }): MqttJudge {
  const words = async ({ id, keyPem, certificate }: JudgedIdentity, clientId = id): Promise<string[]> => {
    const file = (name: string): string => join(at.folder, `${id}-${name}.pem`);
    for (const [name, text] of Object.entries({ ca: at.ca, cert: certificate, key: keyPem }))
      await writeFile(file(name), text);
    const tls = ['--cafile', file('ca'), '--cert', file('cert'), '--key', file('key')];
    return ['-h', '127.0.0.1', '-p', `${at.port}`, '-V', 'mqttv311', ...tls, '-d', '-q', '1', '-i', clientId];
  };
  return {
    async publish(by, topic, clientId, more = []) {
      const message = ['-t', topic, '-m', '{"online":true}', ...more];
      return runJudge(context, 'mosquitto_pub', [...(await words(by, clientId)), ...message]);
    },
    async subscribe(by, filters, messages, seconds) {
      const wanted = filters.flatMap((filter) => ['-t', filter]);
      const until = ['-C', `${messages}`, '-W', `${seconds}`, '-v'];
      const limitMs = (seconds + 30) * 1000;
      return runJudge(context, 'mosquitto_sub', [...(await words(by)), ...wanted, ...until], { limitMs });
    },
  };
}
