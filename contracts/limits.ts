/** Every limit of the device side in one place; units stand in the names. */
export const DEVICE_LIMITS = {
  metadataMaxBytes: 1_048_576,
  fetchConnectTimeoutMs: 20_000,
  /** A transfer slower than this over `fetchRateWindowMs` is broken off and resumed. */
  fetchMinBytesPerSecond: 512,
  fetchRateWindowMs: 30_000,
  pollIntervalMs: 300_000,
  heartbeatIntervalMs: 5_000,
  reportIntervalMs: 60_000,
  appSoakDefaultMs: 3_000,
  appStartTimeoutMs: 30_000,
  appStopGraceDefaultMs: 3_000,
  appMemoryDefaultMiB: 128,
  systemSoakMs: 5_000,
  systemGatesTimeoutMs: 180_000,
  /** Dead-man timer that init holds during a trial. */
  trialTimeoutSeconds: 240,
  logRingMaxBytes: 262_144,
  logLineMaxBytes: 8_192,
} as const;
