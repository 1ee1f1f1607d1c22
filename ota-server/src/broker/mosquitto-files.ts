import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authority } from '../authority.ts';
import { MOSQUITTO_FILES, type MosquittoOptions, mosquittoFiles } from './mosquitto.ts';

/**
 * Writes all that Mosquitto needs into a folder: its configuration, access rules, the authorities and its certificate.
 * @param options.names by which devices and servers reach the broker
 * @returns the files' names
 */
export async function writeMosquittoFiles(
  authority: Authority,
  options: MosquittoOptions & { readonly names: readonly string[]; readonly to?: string },
): Promise<string[]> {
  const { names, to = options.folder } = options;
  const certificate = await authority.brokerCertificate(names);
  const files: Record<string, string> = {
    ...mosquittoFiles(options),
    [MOSQUITTO_FILES.deviceAuthority]: authority.certificate,
    [MOSQUITTO_FILES.serverCertificate]: (await authority.brokerClient()).cert,
    [MOSQUITTO_FILES.certificate]: certificate.cert,
    [MOSQUITTO_FILES.key]: certificate.key,
  };
  await mkdir(to, { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(to, name), text, { mode: name === MOSQUITTO_FILES.key ? 0o600 : 0o644 });
  return Object.keys(files);
}
