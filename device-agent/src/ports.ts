import type { Readable } from 'node:stream';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { BootFacts, InitWord } from '@nodeos/contracts/boot-facts.ts';
import type { AppStatus, DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { DeviceEvents, UpdateStatus } from '@nodeos/contracts/device-api.ts';

/** Interfaces between the parts of the agent; implementations are put together in main.ts only. */

/** Requests to the server with the device's certificate; paths are relative to the fleet file's server URL. */
export interface ServerHttp {
  /** @throws NodeosError FETCH_FAILED where no answer came; an HTTP error status is an answer. */
  request(method: 'GET' | 'POST', path: string, options?: RequestOptions): Promise<ServerAnswer>;
}
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly signal?: AbortSignal;
}
export interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

/** A bundle that lies whole and verified on the data partition. */
export interface InstalledApp {
  readonly manifest: AppManifest;
  readonly target: string;
  readonly sha256: string;
  /** Squashfs file; null for a user that is there because its folder is (apps/folder-users.ts). */
  readonly bundlePath: string | null;
  readonly deployment: string | null;
  /** Of a development session, in the place of a bundle: a home that has the files below `app`, and its owner. */
  readonly development?: { readonly home: string; readonly uid: number };
}

/** Runs users' apps (apps/supervisor.ts). */
/** An update that is about to end what apps do. */
export interface ComingUpdate {
  /** What gets another version: an app, or `system`. */
  readonly name: string;
  readonly version: string;
  /** All apps end for it, and not only the one of that name. */
  readonly endsAll: boolean;
}

export interface AppRuntime {
  /**
   * Starts an app that state.json calls active; restarts it for ever with back-off. Resolves when its first process has
   * begun, or could not; never rejects.
   */
  start(app: InstalledApp): Promise<void>;
  /**
   * Makes the candidate the running version: start (overlapping or not), probe, soak. Resolves when it held.
   * Rejects with NodeosError APP_START_FAILED or APP_PROBE_FAILED (one sentence: exit code or signal, last stderr line)
   * after the previous version, if any, serves again.
   * @param gate asked once the candidate has soaked, while it goes on being probed; its rejection is the candidate's.
   * The signal is given when its answer does not matter any more.
   */
  activate(
    candidate: InstalledApp,
    previous: InstalledApp | null,
    onPhase: (phase: 'starting' | 'soaking') => void,
    gate?: (signal: AbortSignal) => Promise<void>,
  ): Promise<void>;
  /**
   * Resolves when no app holds the update back any more: it let go, or has had the time that its manifest gives it.
   * Resolves with the signal too.
   * @param onHeld who holds it back, and why: `<app>: <reason>`, one after the other
   */
  untilReleased(update: ComingUpdate, onHeld: (by: string) => void, signal: AbortSignal): Promise<void>;
  /** Stops an app and forgets it; its home stays. */
  remove(name: string): Promise<void>;
  status(): Record<string, AppStatus>;
  /** Resolves when every started app has been running (and answering its probe) for a moment; rejects with the reason after the limit. */
  allHealthy(limitMs: number): Promise<void>;
  stopAll(): Promise<void>;
}

/** Talks to init on file descriptor 3. */
export interface InitChannel {
  send(word: InitWord): void;
}

/** Kernel calls that Node has not (device-agent/native). */
export interface NativeCalls {
  /** kexec_file_load(2); @throws Error with errno text */
  kexecFileLoad(kernelFd: number, initramfsFd: number, commandLine: string): void;
  /** clock_settime(CLOCK_REALTIME), milliseconds since 1970. */
  setClock(milliseconds: number): void;
  /** malloc_trim(3): what the C library holds free goes back to the kernel. */
  trimMemory(): void;
  /** Zeros that begin on a page, at most 16 MiB. */
  alignedBuffer(bytes: number): Buffer;
}

/** The same, for apps with a network of their own. */
export interface NetworkCalls {
  /**
   * Descriptor of a connection to a port of 127.0.0.1 in the network namespace of another process.
   * @throws Error with errno text: ECONNREFUSED, ENOENT (no such process), ENETDOWN (it is in this one's)
   */
  connectIn(processId: number, port: number): number;
}

/** The update engine (updater/). */
export interface Updater {
  /** Looks at pointer, running slot and state; starts gates or reports a failed trial. Call once, early, before the server is reachable. */
  onBoot(): Promise<void>;
  /** Called whenever the server has answered: feeds the gates and clears `attempts`. */
  serverReachable(): void;
  /** Brings the device to the desired state; calls that come during a run are merged into one more run with the newest state. */
  apply(desired: DesiredState): void;
  /** Status of updates since boot and of unreported ended ones. */
  updates(): UpdateStatus[];
  /** The server has these statuses; ended ones need not be kept. */
  acknowledge(updates: readonly UpdateStatus[]): Promise<void>;
  /** True while the running slot is not the pointer's. */
  readonly onTrial: boolean;
  readonly generation: number | null;
}

export interface UpdaterPorts {
  readonly http: ServerHttp;
  readonly apps: AppRuntime;
  readonly init: InitChannel;
  readonly native: NativeCalls;
  readonly facts: BootFacts;
  /** Folder of state.json, tuf/, bundles/. */
  readonly stateDir: string;
  /** Slot mount with manifest.json and root.json. */
  readonly slotDir: string;
  readonly log: (text: string) => void;
  readonly event: (kind: DeviceEvents['events'][number]['kind'], text: string) => void;
  /** Something in updates() changed: report soon. Resolves when the report was sent or could not be. */
  readonly report: () => Promise<void>;
  /** No update is under way any more. */
  readonly atRest: () => void;
  readonly now: () => number;
}
