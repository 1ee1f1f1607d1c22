import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import {
  DEVELOPMENT_LIMITS,
  type FromDevice,
  fromDeviceSchema,
  type ToDevice,
  toDeviceMessagesSchema,
} from '@nodeos/contracts/development.ts';
import { describeError, isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { Development } from '../apps/developed-apps.ts';
import { untilHealthy } from '../apps/health.ts';
import type { Instance } from '../apps/instance.ts';
import { delay } from '../backoff.ts';
import type { InstalledApp } from '../ports.ts';
import { admitManifest } from './admit.ts';
import { DevelopmentFiles, type PlacedHome } from './files.ts';

/** An app that was held back says when it listens; asking all the time would only take the processor from it. */
const ASK_AFTER_MS = 1_000;

/** Neither an app's nor anybody's who runs as nobody: what a session leaves behind would be nobody's. */
export const DEVELOPMENT_UID = 65_533;

export interface DevelopmentOptions {
  /** The device's own word, of its fleet file; the server's does not count. */
  readonly allowed: boolean;
  /** A system on trial must be judged by what is released. */
  readonly onTrial: () => boolean;
  readonly findReleased: (app: string) => InstalledApp | undefined;
  readonly apps: Development;
  /** In RAM, the agent's alone. */
  readonly folder: string;
  /** Null: whoever runs this. */
  readonly owner: number | null;
  readonly availableMemoryKiB: () => Promise<number>;
  readonly publish: (message: ReplMessage) => void;
  /** What the operator should hear of, one sentence. */
  readonly onEvent: (text: string) => void;
  /** status() has changed. */
  readonly onChange: () => void;
  readonly leaseMs?: number;
}

export interface DevelopmentSession {
  open(session: string, app: string, resume: string | null): void;
  /** Messages of other sessions are left alone. */
  input(message: ReplMessage): void;
  /** Undefined where no session runs. */
  status(): { app: string } | undefined;
  /** Resolves when the release runs again. */
  end(reason: string): Promise<void>;
}

interface Current {
  session: string;
  readonly app: string;
  lease: NodeJS.Timeout;
  /** Set at once where something else ends it; its messages are not heard any more. */
  over: boolean;
  starts: number;
  admitted: AppManifest | null;
  /** Whether a list of all files has begun. */
  listsAll: boolean;
  /** Octets taken since the last answer. */
  took: number;
  /** Where the next start finds its files, but for those that will have changed. */
  next: PlacedHome | null;
}

/**
 * One development session at a time. It ends with its lease, which the command renews, whatever becomes of the connection;
 * with the agent's process it is gone by itself.
 */
export function createDevelopmentSession(options: DevelopmentOptions): DevelopmentSession {
  const { apps, publish, leaseMs = DEVELOPMENT_LIMITS.leaseMs } = options;
  const files = new DevelopmentFiles(options.folder, options.owner);
  let current: Current | null = null;
  // What an agent before this one left.
  let queue: Promise<unknown> = files.clear();
  /** Until the release runs again. */
  let ending: Promise<void> = Promise.resolve();

  function inOrder(work: () => Promise<void>): Promise<void> {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  }

  function say(session: string, message: FromDevice, end = false): void {
    publish({ session, data: JSON.stringify(fromDeviceSchema.parse(message)), end });
  }

  function fail(session: string, error: unknown): void {
    const code = isNodeosError(error) ? error.code : 'APP_START_FAILED';
    say(session, { kind: 'failed', code, reason: describeError(error) });
  }

  function renew(mine: Current): void {
    clearTimeout(mine.lease);
    mine.lease = setTimeout(() => {
      void finish(mine, `nothing was heard from it for ${leaseMs / 1000} seconds`);
    }, leaseMs);
  }

  /** Not in the order of messages: what is under way must not keep it from ending. */
  async function finish(mine: Current, reason: string): Promise<void> {
    if (!retire(mine, reason)) return;
    ending = apps.end(mine.app);
    await ending;
    sayOver(mine, reason);
    await inOrder(clearUnused);
    options.onChange();
  }

  function sayOver({ session }: Current, reason: string): void {
    say(session, { kind: 'over', code: null, reason }, true);
  }

  async function clearUnused(): Promise<void> {
    if (current === null) await files.clear();
  }

  /** False where it is over already. */
  function retire(mine: Current, reason: string): boolean {
    if (mine.over) return false;
    mine.over = true;
    clearTimeout(mine.lease);
    if (current === mine) current = null;
    options.onEvent(`the development session of ${mine.app} is over: ${reason}`);
    return true;
  }

  async function open(session: string, app: string, resume: string | null): Promise<void> {
    if (!options.allowed)
      throw new NodeosError('DEVELOPMENT_REFUSED', 'the fleet file of this device does not allow development sessions');
    if (options.onTrial())
      throw new NodeosError('CONFLICT', 'the device tries a new system; wait until it has decided');
    if (resume !== null && (current?.session !== resume || current.app !== app))
      throw new NodeosError('DEVELOPMENT_ENDED', `the development session of ${app} is over`);
    if (current?.app === app) {
      const mine = current;
      if (resume === null) sayOver(mine, 'another session goes on');
      mine.session = session;
      renew(mine);
    } else {
      const other = current;
      if (other && retire(other, `a session of ${app} begins`)) {
        sayOver(other, `a session of ${app} begins`);
        ending = apps.end(other.app);
      }
      await ending;
      await files.clear();
      begin(session, app);
    }
    say(session, { kind: 'ready', leaseMs });
  }

  function begin(session: string, app: string): void {
    const mine: Current = {
      session,
      app,
      lease: setTimeout(() => {}, 0),
      over: false,
      starts: 0,
      next: null,
      admitted: null,
      listsAll: false,
      took: 0,
    };
    current = mine;
    renew(mine);
    apps.begin(app, (reason) => {
      if (!retire(mine, reason)) return;
      sayOver(mine, reason);
      void inOrder(clearUnused).then(options.onChange);
    });
    options.onEvent(`a development session of ${app} begins: unsigned files may run in its place`);
    options.onChange();
  }

  async function obey(mine: Current, message: ToDevice): Promise<void> {
    if (message.kind === 'list') {
      const { filesMaxBytes } = DEVELOPMENT_LIMITS;
      const maxBytes = Math.min(filesMaxBytes, (await options.availableMemoryKiB()) * 512);
      if (message.first) mine.listsAll = true;
      const missing = files.list(message.files, message, maxBytes);
      // Who lists only what has changed knows what is missing.
      if (missing === null || !mine.listsAll) return;
      mine.listsAll = false;
      for (let at = 0; at === 0 || at < missing.length; at += 500)
        say(mine.session, { kind: 'missing', sha256: missing.slice(at, at + 500), last: at + 500 >= missing.length });
    } else if (message.kind === 'piece') {
      const octets = Buffer.from(message.data, 'base64');
      await files.take(message.sha256, octets);
      mine.took += octets.length;
    } else if (message.kind === 'start') await start(mine, message);
  }

  async function start(mine: Current, { manifest }: Extract<ToDevice, { kind: 'start' }>): Promise<void> {
    const start = ++mine.starts;
    const released = options.findReleased(mine.app)?.manifest ?? null;
    if (manifest) mine.admitted = admitManifest(mine.app, manifest, released);
    const { admitted } = mine;
    if (!admitted) throw new NodeosError('INPUT_INVALID', 'the first start of a session has no manifest');
    const appIn = ({ home }: PlacedHome): InstalledApp => ({
      manifest: admitted,
      ...{ target: '', sha256: '0'.repeat(64), bundlePath: null, deployment: null },
      development: { home, uid: options.owner ?? DEVELOPMENT_UID },
    });
    const { next } = mine;
    mine.next = null;
    const changes = next && apps.isPrepared(appIn(next)) ? await files.changesIn(next) : null;
    const placed = next && changes ? next : await files.place();
    const instance = await apps.run(appIn(placed), changes);
    if (instance === null) return;
    const isNewest = (): boolean => !mine.over && mine.starts === start;
    void untilStarted(instance)
      .then(
        () => isNewest() && say(mine.session, { kind: 'started', healthy: true, reason: null }),
        (error) => isNewest() && say(mine.session, { kind: 'started', healthy: false, reason: describeError(error) }),
      )
      .then(() => inOrder(async () => void (isNewest() && (await prepareNext(mine, placed, appIn)))))
      // The next start does without, and says what is wrong.
      .catch(() => {});
    void instance.ended.then(() => {
      if (isNewest() && !instance.stopping) say(mine.session, { kind: 'ended', reason: instance.reason() });
    });
  }

  /** While the developer thinks. */
  async function prepareNext(mine: Current, placed: PlacedHome, appIn: (home: PlacedHome) => InstalledApp) {
    await files.tidy([placed.home]);
    const next = await files.place();
    await apps.prepare(appIn(next));
    mine.next = next;
  }

  function receive({ session, data, end }: ReplMessage): void {
    const mine = current;
    if (mine?.session !== session) return;
    if (end) {
      void finish(mine, 'the developer ended it');
      return;
    }
    renew(mine);
    void inOrder(async () => {
      if (mine.over) return;
      try {
        mine.took = 0;
        for (const message of parseJson(toDeviceMessagesSchema, data, 'the message')) {
          if (mine.over) return;
          if (message.kind === 'end') void finish(mine, 'the developer ended it');
          else await obey(mine, message);
        }
      } catch (error) {
        if (!mine.over) fail(mine.session, error);
      }
      if (mine.took > 0 && !mine.over) say(mine.session, { kind: 'took', bytes: mine.took });
    });
  }

  return {
    open(session, app, resume) {
      void inOrder(() => open(session, app, resume)).catch((error) => {
        const code = isNodeosError(error) ? error.code : 'INTERNAL';
        say(session, { kind: 'over', code, reason: describeError(error) }, true);
      });
    },
    input: receive,
    status: () => (current ? { app: current.app } : undefined),
    async end(reason) {
      if (current) await finish(current, reason);
    },
  };
}

/** @throws as untilHealthy does */
async function untilStarted(instance: Instance): Promise<void> {
  const over = new AbortController();
  await Promise.race([instance.said(['listening']), instance.ended, delay(ASK_AFTER_MS, over.signal)]);
  over.abort();
  await untilHealthy(instance, DEVICE_LIMITS.appStartTimeoutMs);
}
