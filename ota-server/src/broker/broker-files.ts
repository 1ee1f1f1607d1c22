import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authority } from '../authority.ts';
import { MOSQUITTO_FILES, type MosquittoOptions, mosquittoFiles } from './mosquitto.ts';
import { RABBITMQ_FILES, type RabbitmqOptions, rabbitmqFiles } from './rabbitmq.ts';

interface Place {
  /** By which devices and servers reach the broker. */
  readonly names: readonly string[];
  /** Where to write, if the broker will find the files elsewhere. */
  readonly to?: string;
}

/**
 * Writes all that Mosquitto needs into a folder: its configuration, access rules, the authorities and its certificate.
 * @returns the files' names
 */
export async function writeMosquittoFiles(authority: Authority, options: MosquittoOptions & Place): Promise<string[]> {
  const certificate = await authority.brokerCertificate(options.names);
  return writeFiles(options.to ?? options.folder, MOSQUITTO_FILES.key, {
    ...mosquittoFiles(options),
    [MOSQUITTO_FILES.deviceAuthority]: authority.certificate,
    [MOSQUITTO_FILES.serverCertificate]: (await authority.brokerClient()).authority,
    [MOSQUITTO_FILES.certificate]: certificate.cert,
    [MOSQUITTO_FILES.key]: certificate.key,
  });
}

/** The same for RabbitMQ, which asks the server for what Mosquitto reads from its access rules. */
export async function writeRabbitmqFiles(authority: Authority, options: RabbitmqOptions & Place): Promise<string[]> {
  const certificate = await authority.brokerCertificate(options.names);
  return writeFiles(options.to ?? options.folder, RABBITMQ_FILES.key, {
    ...rabbitmqFiles(options),
    [RABBITMQ_FILES.deviceAuthority]: authority.certificate,
    [RABBITMQ_FILES.clientAuthorities]: authority.certificate + (await authority.brokerClient()).authority,
    [RABBITMQ_FILES.certificate]: certificate.cert,
    [RABBITMQ_FILES.key]: certificate.key,
  });
}

async function writeFiles(folder: string, secret: string, files: Record<string, string>): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: name === secret ? 0o600 : 0o644 });
  return Object.keys(files);
}
