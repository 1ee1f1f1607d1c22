/** Every limit of the device side in one place; units stand in the names. */
export const DEVICE_LIMITS = {
  metadataMaxBytes: 1_048_576,
  fetchConnectTimeoutMs: 20_000,
  /** A transfer slower than this over `fetchRateWindowMs` is broken off and resumed. */
  fetchMinBytesPerSecond: 512,
  fetchRateWindowMs: 30_000,
  /** Waiting times between attempts grow by doubling from the one to the other. */
  fetchRetryMinMs: 1_000,
  fetchRetryMaxMs: 120_000,
  pollIntervalMs: 300_000,
  heartbeatIntervalMs: 5_000,
  /** Of a device on which nothing happens: whatever changes is reported at once. Most of its idle octets are these. */
  reportIntervalMs: 300_000,
  appSoakDefaultMs: 3_000,
  appStartTimeoutMs: 30_000,
  appStopGraceDefaultMs: 3_000,
  appMemoryDefaultMiB: 128,
  /** How long the server may stay out of reach once an app has soaked, and again once the app is gone. */
  appServerTimeoutMs: 120_000,
  /** A version in whose activation the device went down this often is given up. */
  appActivationsMax: 3,
  /** A system whose trial ended without a word this often (panic, hang, power cut) is given up. */
  systemTrialsMax: 2,
  systemSoakMs: 5_000,
  systemGatesTimeoutMs: 180_000,
  systemGatesIntervalMs: 250,
  /** Memory ceiling of a trial: what must be left to the device, and what the agent may take. */
  systemMinAvailableKiB: 8_192,
  agentMaxRssKiB: 131_072,
  /** A boot counts as healthy after this time even where the server cannot be reached. */
  bootHealthyMs: 30_000,
  /** Boots in a row that may end before they are healthy without being held against the slot. */
  unprovenBootsMax: 10,
  /** How long a report may hold up what waits for it: a boot, or the end of a soak. */
  tryReportTimeoutMs: 3_000,
  /** Dead-man timer that init holds during a trial. */
  trialTimeoutSeconds: 240,
  logRingMaxBytes: 262_144,
  logLineMaxBytes: 8_192,
} as const;

/** Limits of the device's reverse proxy and of the ports it forwards. */
export const WEB_LIMITS = {
  headerMaxBytes: 16_384,
  headersMax: 100,
  /** Of one port; what comes beyond is closed at once. */
  connectionsMax: 256,
  headersTimeoutMs: 10_000,
  keepAliveMs: 5_000,
  /** Without a byte in either direction. */
  idleTimeoutMs: 120_000,
  /** The same of a WebSocket or a forwarded port. */
  upgradedIdleTimeoutMs: 3_600_000,
  /** A port that another program has is tried again after this time. */
  listenRetryMs: 30_000,
  /** After the last connection; what it left behind in memory is given back then. */
  quietMs: 10_000,
} as const;
export type WebLimits = { readonly [Name in keyof typeof WEB_LIMITS]: number };
