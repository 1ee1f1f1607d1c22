import { BlockList, isIP } from 'node:net';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { Registration } from '@nodeos/contracts/provisioning.ts';

export interface Applicant {
  readonly board: string;
  readonly address: string;
  /** The registration of its serial number, null where there is none. */
  readonly registration: Registration | null;
  /** Id of another device with this serial number that is not shut out. */
  readonly double: string | null;
}

/** Why a device waits for a person, in a sentence; null where it comes in by itself. */
export function reasonToWait(
  token: Pick<ClaimToken, 'autoApprove' | 'approveOnly'>,
  applicant: Applicant,
): string | null {
  const { board, address, registration, double } = applicant;
  // A serial number is only said, not proven: it lets in once.
  const taken = double ?? registration?.device ?? null;
  if (registration?.approve === true && taken === null) return null;
  if (registration?.approve === true) return `device ${taken} came with its serial number before`;
  if (!token.autoApprove) return 'its claim token does not approve';
  const rules = token.approveOnly;
  if (rules === undefined) return null;
  if (rules.boards.length > 0 && !rules.boards.includes(board)) return `its claim token does not approve a ${board}`;
  if (rules.networks.length > 0 && !isWithin(address, rules.networks))
    return `its claim token does not approve ${address}`;
  if (rules.registered && registration === null) return 'its serial number is not registered';
  if (rules.registered && taken !== null) return `device ${taken} came with its serial number before`;
  return null;
}

function isWithin(address: string, networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', prefix] = network.split('/');
    list.addSubnet(base, Number(prefix), isIP(base) === 6 ? 'ipv6' : 'ipv4');
  }
  // A socket for both families shows IPv4 as ::ffff:192.0.2.1.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}
