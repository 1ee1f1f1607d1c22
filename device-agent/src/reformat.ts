import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BootFacts } from '@nodeos/contracts/boot-facts.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';

const LIMIT_MS = 600_000;

/**
 * Makes the data partition anew, empty. Only where it did not mount in this boot: then nothing of it is in use, and
 * what is on it could not be repaired. The identity stands elsewhere.
 * @throws NodeosError CONFLICT where the data partition is in use, DATA_UNAVAILABLE where it cannot be written
 */
export async function reformatData(
  facts: Pick<BootFacts, 'data' | 'data_part'>,
  program = '/usr/sbin/mke2fs',
): Promise<void> {
  if (facts.data !== 'ram' || facts.data_part === '')
    throw new NodeosError('CONFLICT', 'the data partition is in use, or there is none');
  const quota = ['-O', 'quota', '-E', 'quotatype=usrquota'];
  const words = ['-F', '-q', '-t', 'ext4', ...quota, '-L', 'nodeos-data', facts.data_part];
  try {
    await promisify(execFile)(program, words, { timeout: LIMIT_MS, env: { PATH: '/usr/sbin:/usr/bin' } });
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new NodeosError('DATA_UNAVAILABLE', `mke2fs ${facts.data_part}: ${stderr?.trim() || message}`, { cause });
  }
}
