/** What every build step may use of the world; passed explicitly, never global. */
export interface BuildContext {
  /** Root of the layer cache, `$XDG_CACHE_HOME/nodeos`. */
  readonly cacheRoot: string;
  /** Aborted on Ctrl-C; every child process and download ends with it. */
  readonly signal: AbortSignal;
  /** Called with each step's progress; the caller decides how it is shown. */
  readonly progress: (event: ProgressEvent) => void;
  /** True: a package version that differs from the lock file is an error. */
  readonly locked: boolean;
  /** What the layers that are made within seconds may take of the cache together; default 16 GiB. */
  readonly cacheLimitBytes?: number | undefined;
}

export interface ProgressEvent {
  /** The layer or step, e.g. `kernel`. */
  readonly step: string;
  readonly message: string;
  /** 0 to 100 where it is known. */
  readonly percent?: number;
  /** True when the result came out of the cache. */
  readonly cached?: boolean;
}
