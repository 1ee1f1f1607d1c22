import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../fuzz/folder.ts';
import type { TlsIdentity } from './misbehaving-server.ts';

/** A server for 127.0.0.1 whose certificate, by its authority, ended in 2022; made by openssl. */
export async function expiredServer(): Promise<{ identity: TlsIdentity; validUntil: number }> {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '9000', '-subj', '/CN=authority');
  openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
  writeFileSync(file('index.txt'), '');
  writeFileSync(file('serial'), '01');
  writeFileSync(
    file('ca.cnf'),
    [
      ...['[ca]', 'default_ca=own', '[own]', 'database=index.txt', 'serial=serial', 'new_certs_dir=.', 'policy=any'],
      ...['default_md=sha256', 'copy_extensions=none', '[any]', 'commonName=supplied', '[server]'],
      'subjectAltName=IP:127.0.0.1',
    ].join('\n'),
  );
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20220101000000Z'];
  openssl(
    ...[
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.cnf',
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
      '-extensions',
      'server',
    ],
    ...['-in', 'server.csr', '-out', 'server.pem', ...dates],
  );
  const text = (name: string) => readFileSync(file(name), 'utf8');
  const identity = { ca: text('ca.pem'), key: text('server.key'), cert: text('server.pem') };
  return { identity, validUntil: Date.UTC(2022, 0, 1) };
}
