import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { ServerHttp } from '../src/ports.ts';
import { readJson } from '../src/transport/answer.ts';
import type { Destination } from '../src/trust/download.ts';
import { findTarget, type TrustedTarget } from '../src/trust/metadata.ts';
import { systemDisk } from '../src/updater/disk.ts';
// Loaded before there are devices: else with the first update of one, while all the others wait for this process.
import 'tuf-js';

/** Answers are asked for anew after this time: the metadata of the server grows. */
const KEPT_MS = 2_000;

/**
 * The signed metadata, fetched and verified once for all devices of this process as a device does it: the check costs
 * each of them milliseconds of a processor that it would have for itself. A simulated device comes with no system image;
 * it takes the server's first root for the factory's.
 */
export class SharedTrust {
  /** `until` is null while it is being asked for. */
  readonly #known = new Map<string, { until: number | null; readonly target: Promise<TrustedTarget> }>();
  #folder: Promise<string> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws NodeosError as findTarget */
  find(http: ServerHttp, path: string): Promise<TrustedTarget> {
    const known = this.#known.get(path);
    // One that is under way is waited for, however long it takes: questions that queue up behind a slow server never end.
    if (known !== undefined && (known.until === null || Date.now() < known.until)) return known.target;
    const target = this.#last.then(() => this.#ask(http, path));
    this.#last = target.catch(() => {});
    const asked = { until: null as number | null, target };
    this.#known.set(path, asked);
    target.then(
      () => {
        asked.until = Date.now() + KEPT_MS;
      },
      () => this.#known.delete(path),
    );
    return target;
  }

  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => null);
    if (folder) await rm(folder, { recursive: true, force: true });
  }

  async #ask(http: ServerHttp, path: string): Promise<TrustedTarget> {
    this.#folder ??= this.#begin(http);
    const folder = await this.#folder.catch((error) => {
      this.#folder = null;
      throw error;
    });
    return findTarget(
      {
        ...{ http, disk: systemDisk, stateDir: folder, slotDir: folder, runDir: folder, now: Date.now, buildTimeMs: 0 },
        ...{ limits: DEVICE_LIMITS, log: () => {} },
      },
      path,
    );
  }

  async #begin(http: ServerHttp): Promise<string> {
    const answer = await http.request('GET', `${DEVICE_ROUTES.tuf}/1.root.json`);
    const root = await readJson(answer);
    if (answer.status !== 200)
      throw new NodeosError('FETCH_FAILED', `1.root.json: the server answered ${answer.status}`);
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-simulated-trust-'));
    await writeFile(join(folder, 'root.json'), JSON.stringify(root));
    return folder;
  }
}

/** Takes bytes in, hashes them and forgets them: a thousand devices would not fit otherwise. */
export function createSink(): Destination {
  let hash = createHash('sha256');
  let held = 0;
  return {
    get held() {
      return held;
    },
    async append(piece) {
      hash.update(piece);
      held += piece.length;
    },
    async keep() {},
    async discard() {
      hash = createHash('sha256');
      held = 0;
    },
    digest: async () => hash.copy().digest('hex'),
    async complete() {},
  };
}
