import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';

/** Every limit of the server in one place; units stand in the names. */
export const SERVER_LIMITS = {
  jsonBodyMaxBytes: 1_048_576,
  registrationsMaxBytes: 16 * 1_048_576,
  /** Larger metadata would be refused by the devices. */
  metadataMaxBytes: DEVICE_LIMITS.metadataMaxBytes,
  blobMaxBytes: 4 * 1024 ** 3,
  uploadLeftBehindMs: 3_600_000,
  mqttPayloadMaxBytes: 6 * 1024 ** 2,
  sessionLifetimeMs: 7 * 86_400_000,
  enrolRetryAfterSeconds: 5,
  webhookTimeoutMs: 10_000,
  webhookParallel: 8,
  webhookRetryMs: [5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000],
  webhookDeliveriesShown: 100,
  webhookDeliveryKeptMs: 7 * 86_400_000,
  auditDetailsMaxCharacters: 2_000,
  auditPageEntries: 1_000,
  failedAttemptsPerMinute: 30,
  failedAttemptsPerUserAndMinute: 10,
  /** How exactly the last use of an API token is remembered. */
  tokenUseResolutionMs: 60_000,
  /** Devices that came or went and are looked up: a whole fleet comes at once, and would wait too long for the database. */
  brokerEventsAtOnce: 32,
  /** Requests of devices but for downloads; more are told when to come again. */
  deviceRequestsPerSecond: 1_500,
  deviceRequestsBurst: 6_000,
  /** Each waits for those before it: with more of them, devices would give up before they are answered. */
  deviceRequestsAtOnce: 128,
  deviceRequestsWhenFullPerSecond: 100,
  retryAfterMaxSeconds: 300,
  /** Of one listener: about what a processor does in a second. */
  handshakesAtOnce: 256,
  handshakeCountedMs: 5_000,
  /** As fast messages surely get from the broker to the devices: nobody is called to ask while others are still told. */
  desiredTellsPerSecond: 10_000,
  /** Devices that come while others are told something new by an operator wait so long at most to be let in. */
  doorShutMs: 3_000,
  /** Devices that are called to ask for what has changed, and have not got it yet. */
  desiredAsksAtOnce: 32,
  /** With those that come by themselves: more of them would fetch at once than get through. */
  desiredBusyAtOnce: 64,
  /** Of those that come too early; they are called long before. */
  desiredTooEarlySeconds: 300,
  /** A call counts no more after it, and as long after the question: another device is called. */
  desiredCallMs: 5_000,
  /** As long at most, where all that are called take long to ask. */
  desiredCallMaxMs: 60_000,
  /** So many of those that wait for their call ask without it: also a server on a small board gets them through. */
  desiredAsksPerSecond: 20,
  desiredAskAfterMaxMs: 300_000,
  /** A device speaks every five minutes: its connection would be the larger part of what it costs in memory. */
  deviceKeepAliveMs: 5_000,
  /** Connections on which another request of a device may come; more are closed before their time. */
  idleConnectionsAtOnce: 256,
  /** How often a server looks whether it may give memory back. */
  burstLookMs: 5_000,
  /** How long a server that closes waits for the requests that it has begun. */
  drainMaxMs: 10_000,
  eventsKeptPerDevice: 1000,
  /** Metrics of a device are kept so often at most, and so long; the one divides the other. */
  metricsIntervalMs: 300_000,
  metricsKeptMs: 86_400_000,
  updatesShownPerDevice: 50,
  eventsShownPerDevice: 200,
  /** Servers that share their data look so often for work that another one left behind. */
  sweepIntervalMs: 10_000,
  /** After it a device that was not told is told by another server, and nothing waits any more for devices to be told. */
  untoldMs: 10_000,
  /** Devices that one step of a rollout changes in one transaction. */
  devicesPerStep: 10_000,
  /** So many times as long as reading the whole fleet took, nobody reads it again. */
  overviewPauseShare: 4,
  /** Of an action on many devices. */
  devicesToldAtOnce: 64,
  deploymentDevicesShown: 1_000,
  deploymentDevicesListed: 20,
  lastSeenResolutionMs: 2_000,
  logTellSeconds: 60,
  logQuietMs: 1_500,
  logSilenceMs: 6_000,
  /** A small board on a slow line sends a megabyte. */
  screenshotWaitMs: 45_000,
  replIdleMs: 600_000,
  replBufferedMessages: 512,
  sseHeartbeatMs: 15_000,
  timestampLifetimeMs: 86_400_000,
  snapshotLifetimeMs: 7 * 86_400_000,
  metadataCheckIntervalMs: 600_000,
  certificateCheckIntervalMs: 86_400_000,
} as const;
