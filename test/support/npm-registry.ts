import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';

export interface PublishedPackage {
  readonly name: string;
  readonly version: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
export interface Registry {
  readonly url: string;
  close(): void;
}

/**
 * A registry on the loopback, of packages that npm itself has packed (docs/REGISTRY-API.md of npm/registry).
 * @param host what the loopback is called where it is asked from
 */
export async function startRegistry(
  work: string,
  packages: readonly PublishedPackage[],
  host = '127.0.0.1',
): Promise<Registry> {
  const tarballs = new Map<string, Buffer>();
  const documents = new Map<string, { name: string; 'dist-tags': object; versions: Record<string, object> }>();
  const server = createServer(({ url = '' }, answer) => {
    const tarball = tarballs.get(url);
    const document = documents.get(decodeURIComponent(url.slice(1)));
    if (tarball) answer.end(tarball);
    else if (document) answer.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    else answer.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Not found"}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://${host}:${port}/`;
  for (const { files = {}, ...manifest } of packages) {
    const { name, version } = manifest;
    const folder = join(work, `${name}-${version}`);
    for (const [path, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', work], { cwd: folder });
    const tarball = readFileSync(join(work, `${name}-${version}.tgz`));
    const path = `/${name}/-/${name}-${version}.tgz`;
    tarballs.set(path, tarball);
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const document = documents.get(name) ?? { name, 'dist-tags': {}, versions: {} };
    document['dist-tags'] = { latest: version };
    document.versions[version] = { ...manifest, dist: { tarball: `${url}${path.slice(1)}`, integrity } };
    documents.set(name, document);
  }
  return { url, close: () => void server.close() };
}
