import type { LogBatch, ReplMessage, Tell } from '@nodeos/contracts/mqtt.ts';
import type { KeyAndCertificate } from '../authority.ts';

/** What the broker tells the rest of the server. Payloads have passed their schemas. */
export interface BrokerListener {
  presence(deviceId: string, online: boolean): void;
  /** The device has subscribed to its `tell` topic: from now on a message reaches it. */
  listening(deviceId: string): void;
  logs(deviceId: string, batch: LogBatch): void;
  repl(deviceId: string, message: ReplMessage): void;
  /** A payload did not fit its schema and was dropped. */
  malformed(deviceId: string, error: unknown): void;
}

export interface BrokerOptions {
  /** Server certificate for the TLS listener. */
  readonly certificate: KeyAndCertificate;
  /** PEM of the authority that signed the devices' certificates. */
  readonly ca: string;
  /** True for devices that are enrolled, approved and not revoked. */
  readonly mayConnect: (deviceId: string) => Promise<boolean>;
  readonly listener: BrokerListener;
}

/** MQTT 3.1.1 over TLS; a client certificate's CN is the device id. */
export interface Broker {
  /** @returns the port. @throws Error with code EADDRINUSE */
  listen(host: string, port: number): Promise<number>;
  isOnline(deviceId: string): boolean;
  /** False where the device is not connected: it asks the server by itself when it is. */
  tell(deviceId: string, message: Tell): Promise<boolean>;
  sendRepl(deviceId: string, message: ReplMessage): Promise<boolean>;
  /** Ends the device's connection. */
  disconnect(deviceId: string): Promise<void>;
  /** New connections get this certificate. */
  renewCertificate(certificate: KeyAndCertificate): void;
  close(): Promise<void>;
}
