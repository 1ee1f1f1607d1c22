/** Facts of the device that an app runs on. */
export interface DeviceInfo {
  readonly board: string;
  readonly systemVersion: string;
  readonly hostname: string;
}
export interface Restart {
  /** Times the app was started again by itself since the device started, or since its last update. */
  readonly count: number;
  /** Why it was started again, one sentence; null at the first start. */
  readonly reason: string | null;
}
export type Configuration = Readonly<Record<string, unknown>>;

/** False on a computer that is no NodeOS device: then every call here is answered and has no effect. */
export const onDevice: boolean;
/** The app as the device knows it; null on a computer. */
export const app: { readonly name: string | null; readonly version: string | null };

export const health: {
  /** The app does its work. It counts as healthy as long as it says nothing. */
  ok(): void;
  /** The app runs but does not do its work: an update that says so is taken back. */
  failing(reason: string): void;
};

/**
 * Holds back updates of this app and of the system until `release` is called, at most for `nodeos.holdUpdatesMs` of
 * package.json after an update has come. An update that the operator forces does not wait.
 * @throws Error with code NODEOS_HOLD_REFUSED where package.json gives the app no such time
 */
export function holdUpdates(reason: string): Promise<{ release(): void }>;
/**
 * Calls back when an update waits for the app, with its version and what gets it: an app's name, or `system`. Gives a
 * function that ends this.
 */
export function onUpdateWaiting(listener: (version: string, name: string) => void): () => void;

/** Null on a computer. */
export function deviceInfo(): Promise<DeviceInfo | null>;
export function restart(): Promise<Restart>;

/** What the operator has set for this app; empty where nothing is set. */
export function configuration(): Promise<Configuration>;
/** Calls back with each new configuration; gives a function that ends this. */
export function onConfiguration(listener: (configuration: Configuration) => void): () => void;

/** Lines of the app's log with a level. Values are joined as by `console.log`. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
