import type { Webhook, WebhookDelivery } from '@nodeos/contracts/webhooks.ts';

/** The key signs; it cannot be a hash. */
export type WebhookRecord = Webhook & { readonly secret: string };
export type DeliveryRecord = WebhookDelivery & { readonly body: string };

/** Webhooks of one fleet, and what is to be posted to them. */
export interface WebhookStore {
  add(webhook: WebhookRecord): Promise<void>;
  list(): Promise<WebhookRecord[]>;
  /** Its deliveries go with it. */
  remove(id: string): Promise<void>;
  addDelivery(delivery: DeliveryRecord): Promise<void>;
  updateDelivery(
    id: string,
    patch: Pick<DeliveryRecord, 'state' | 'attempts' | 'status' | 'reason' | 'nextAt'>,
  ): Promise<void>;
  /** Waiting ones, the next first. */
  listWaiting(limit: number): Promise<DeliveryRecord[]>;
  /** Makes a waiting delivery this server's until then; false where another one took it, or it is over. */
  takeDelivery(delivery: Pick<DeliveryRecord, 'id' | 'nextAt'>, until: number): Promise<boolean>;
  /** Newest first. */
  listDeliveries(webhook: string, limit: number): Promise<DeliveryRecord[]>;
  /** Forgets those that have ended and are older. */
  forgetDeliveries(before: number): Promise<void>;

  /** What was announced last, by what it is of. */
  states(): Promise<Map<string, string>>;
  /** @returns those that were not so before */
  noteStates(states: ReadonlyMap<string, string>): Promise<ReadonlySet<string>>;
  forgetStates(): Promise<void>;
}
