import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { Board } from '@nodeos/contracts/board.ts';
import type { OciImage } from '../formats/oci.ts';

type Run = Pick<OciImage, 'environment' | 'command' | 'workingDirectory' | 'ports' | 'labels'>;

/** What a container of the userland starts: the app as a device would start it, else the prompt of Node.js. */
export function containerRun(board: Pick<Board, 'name'>, systemVersion: string, app: AppManifest | null): Run {
  const title = app === null ? 'NodeOS' : app.name;
  const labels = {
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.version': app?.version ?? systemVersion,
    'nodeos.board': board.name,
    'nodeos.system': systemVersion,
  };
  const path = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  if (app === null) return { environment: path, command: ['/usr/bin/node'], workingDirectory: '/', ports: [], labels };
  const environment = {
    ...path,
    NODE_ENV: 'production',
    NODEOS_APP: app.name,
    NODEOS_VERSION: app.version,
    ...(app.ports[0] !== undefined && { PORT: String(app.ports[0]) }),
    ...app.env,
  };
  return { environment, command: app.start, workingDirectory: '/app', ports: app.ports, labels };
}
