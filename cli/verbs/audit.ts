import { AUDIT_START, type AuditEntry, auditPageSchema } from '@nodeos/contracts/audit.ts';
import { auditFault } from '@nodeos/contracts/audit-chain.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerClient } from '../client.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { JsonOption } from '../options.ts';
import { print, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface ListOptions extends ServerOptions, JsonOption {
  readonly limit: string;
  readonly actor?: string;
}
const PAGE = 1000;

export const registerAudit: RegisterVerb = (program, io) => {
  const verb = program
    .command('audit')
    .description('who did what, when and from where')
    .addHelpText('after', example('nodeos audit list --actor ada', 'nodeos audit check'));

  withServer(verb.command('list'))
    .description('list the newest entries')
    .option('--limit <count>', 'how many', '50')
    .option('--actor <name>', 'only what this user, token or device did')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos audit list --actor ada'))
    .action(async (options: ListOptions) => {
      const query = new URLSearchParams({ limit: options.limit, ...(options.actor && { actor: options.actor }) });
      const { entries } = await (await connect(io, options)).get(`/audit?${query}`, auditPageSchema);
      const row = (entry: AuditEntry) => [
        String(entry.sequence),
        new Date(entry.at).toISOString().slice(0, 19),
        entry.actor,
        entry.address || '-',
        `${entry.action.split(' ')[0]} ${entry.target}`,
        entry.outcome,
        entry.details.length > 80 ? `${entry.details.slice(0, 79)}…` : entry.details,
      ];
      const heading = ['NUMBER', 'TIME (UTC)', 'WHO', 'FROM', 'WHAT', 'OUTCOME', 'DETAILS'];
      printList(io, options, entries, heading, row, 'No entries yet.');
    });

  withServer(verb.command('check'))
    .description('read the whole log and compute its chain of hashes here: a changed or missing entry is named')
    .option(
      '--since <number:hash>',
      'an entry that an earlier check printed: a log that was cut short or made anew shows',
    )
    .addHelpText('after', example('nodeos audit check', 'nodeos audit check --since 12:9f86d081…'))
    .action(async (options: ServerOptions & { since?: string }) => {
      const entries = await readAll(await connect(io, options));
      const fault = auditFault(entries, AUDIT_START) ?? missing(entries, options.since);
      if (fault !== null) throw new NodeosError('AUDIT_BROKEN', `the audit log is not whole: ${fault}`);
      const last = entries.at(-1) ?? AUDIT_START;
      print(io, `The audit log is whole: ${entries.length} entries.`);
      print(io, `Keep this elsewhere, for --since: ${last.sequence}:${last.hash}`);
    });
};

/** Oldest first. */
async function readAll(client: ServerClient): Promise<AuditEntry[]> {
  const pages: AuditEntry[][] = [];
  let before = '';
  for (;;) {
    const { entries } = await client.get(`/audit?limit=${PAGE}${before}`, auditPageSchema);
    pages.push(entries.toReversed());
    const oldest = entries.at(-1);
    if (oldest === undefined || oldest.sequence === 1) return pages.reverse().flat();
    before = `&before=${oldest.sequence}`;
  }
}

function missing(entries: readonly AuditEntry[], since: string | undefined): string | null {
  if (since === undefined) return null;
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(since) ?? [];
  if (hash === undefined)
    throw new NodeosError('INPUT_INVALID', `--since ${since} is not a number and a hash with a colon between`);
  const found = entries[Number(sequence) - 1];
  if (found?.hash === hash || (sequence === '0' && hash === AUDIT_START.hash)) return null;
  return `entry ${sequence} is ${found === undefined ? 'missing' : 'another one than it was'}`;
}
