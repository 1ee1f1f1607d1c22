import { randomBytes } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { NewWebhook, Webhook, WebhookDelivery, WebhookEvent, WebhookRequest } from '@nodeos/contracts/webhooks.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Changes } from '../live/changes.ts';
import { Sequence } from '../sequence.ts';
import type { Store } from '../store/store.ts';
import type { DeliveryRecord, WebhookRecord } from '../store/webhooks.ts';
import { makeSecret, signedHeaders } from './sign.ts';
import { type Happening, StateWatch } from './watch.ts';

export interface WebhooksOptions {
  readonly fleet: string;
  readonly store: Store;
  readonly changes: Changes;
  readonly onFault?: (error: unknown) => void;
  /** Waiting times between attempts; after the last one a delivery has failed. */
  readonly retryMs?: readonly number[];
}

/** Posts what happens in a fleet to addresses of its people, signed, again and again until it is taken. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #retryMs: readonly number[];
  readonly #sequence = new Sequence();
  readonly #closed = new AbortController();
  #watch: StateWatch | null = null;
  #unsubscribe: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #delivering: Promise<void> | null = null;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs ?? SERVER_LIMITS.webhookRetryMs;
  }

  /** Goes on with what was not delivered before the server ended. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.changes.subscribe((change) => {
      if (this.#watch === null) return;
      const watch = this.#watch;
      this.#run(async () => {
        const { store } = this.#options;
        if (await watch.isNew(store, change)) await this.#announce((inside) => watch.take(inside, change));
      });
    });
    await this.sweep();
  }

  /** Announces what happened unseen, and takes up deliveries that another server has left behind. */
  async sweep(): Promise<void> {
    await this.#watchWhereNeeded();
    const watch = this.#watch;
    if (watch === null) return;
    this.#run(() => this.#announce((inside) => watch.takeAll(inside)));
    await this.#sequence.idle();
    void this.#deliver();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.#closed.abort();
    await this.#sequence.idle();
    await this.#delivering;
  }

  async add(request: WebhookRequest): Promise<NewWebhook> {
    const record: WebhookRecord = {
      ...{ id: randomBytes(8).toString('hex'), url: request.url, topics: [...new Set(request.topics)] },
      ...{ secret: makeSecret(), createdAt: Date.now() },
    };
    await this.#options.store.webhooks.add(record);
    await this.#watchWhereNeeded();
    return record;
  }

  async list(): Promise<Webhook[]> {
    return (await this.#options.store.webhooks.list()).map(({ secret: _secret, ...webhook }) => webhook);
  }

  /** @throws NodeosError NOT_FOUND */
  async remove(id: string): Promise<void> {
    await this.#get(id);
    await this.#options.store.transaction(async ({ webhooks }) => {
      await webhooks.remove(id);
      if ((await webhooks.list()).length === 0) await webhooks.forgetStates();
    }, 'webhooks');
  }

  /** @throws NodeosError NOT_FOUND */
  async deliveries(id: string): Promise<WebhookDelivery[]> {
    await this.#get(id);
    const all = await this.#options.store.webhooks.listDeliveries(id, SERVER_LIMITS.webhookDeliveriesShown);
    return all.map(({ body: _body, ...delivery }) => delivery);
  }

  /** Posts an event of type `test`. @throws NodeosError NOT_FOUND */
  async test(id: string): Promise<void> {
    const { topics } = await this.#get(id);
    const happening = { topic: topics[0] ?? 'device', type: 'test', data: { webhook: id } };
    this.#run(() => this.#announce(async () => [happening], id));
    await this.#sequence.idle();
  }

  async #get(id: string): Promise<WebhookRecord> {
    const found = (await this.#options.store.webhooks.list()).find((webhook) => webhook.id === id);
    if (found === undefined) throw new NodeosError('NOT_FOUND', `there is no webhook ${id.slice(0, 32)}`);
    return found;
  }

  /** A fleet without webhooks pays nothing for them. */
  async #watchWhereNeeded(): Promise<void> {
    if (this.#watch !== null || (await this.#options.store.webhooks.list()).length === 0) return;
    const watch = new StateWatch();
    await this.#options.store.transaction((inside) => watch.begin(inside), 'webhooks');
    this.#watch = watch;
  }

  #run(work: () => Promise<void>): void {
    this.#sequence.run(work).catch((error) => {
      if (!this.#closed.signal.aborted) this.#options.onFault?.(error);
    });
  }

  /** Finds out what happened and keeps it for those who want to hear of it, or neither. */
  async #announce(find: (inside: Store) => Promise<Happening[]>, only?: string): Promise<void> {
    const now = Date.now();
    const found = await this.#options.store.transaction(async (inside) => {
      const happenings = await find(inside);
      for (const happening of happenings) await this.#enqueue(inside, happening, now, only);
      return happenings.length > 0;
    }, 'webhooks');
    if (!found) return;
    await this.#options.store.webhooks.forgetDeliveries(now - SERVER_LIMITS.webhookDeliveryKeptMs);
    // Not within this turn: a slow receiver must not hold up what happens next.
    this.#schedule(now);
  }

  async #enqueue(
    { webhooks }: Store,
    { topic, type, data }: Happening,
    now: number,
    only: string | undefined,
  ): Promise<void> {
    const event: WebhookEvent = { type, timestamp: new Date(now).toISOString(), fleet: this.#options.fleet, data };
    for (const webhook of await webhooks.list()) {
      if (only === undefined ? !webhook.topics.includes(topic) : webhook.id !== only) continue;
      await webhooks.addDelivery({
        ...{ id: `msg_${randomBytes(12).toString('hex')}`, webhook: webhook.id, type, state: 'waiting', attempts: 0 },
        ...{ status: null, reason: null, createdAt: now, nextAt: now, body: JSON.stringify(event) },
      });
    }
  }

  #schedule(at: number): void {
    clearTimeout(this.#timer);
    if (this.#closed.signal.aborted) return;
    const again = (): void => void (this.#delivering ?? Promise.resolve()).then(() => this.#deliver());
    this.#timer = setTimeout(again, Math.max(0, at - Date.now()));
    this.#timer.unref();
  }

  /** One round at a time. */
  #deliver(): Promise<void> {
    this.#delivering ??= this.#deliverDue()
      .catch((error) => {
        if (!this.#closed.signal.aborted) this.#options.onFault?.(error);
      })
      .finally(() => {
        this.#delivering = null;
      });
    return this.#delivering;
  }

  async #deliverDue(): Promise<void> {
    const { webhooks } = this.#options.store;
    for (;;) {
      const waiting = await webhooks.listWaiting(SERVER_LIMITS.webhookParallel);
      const due = waiting.filter(({ nextAt }) => (nextAt ?? 0) <= Date.now());
      if (this.#closed.signal.aborted) return;
      if (due.length === 0) {
        const next = waiting[0]?.nextAt;
        // Looked at again after this round has ended: else the timer would find it under way.
        if (next != null) setImmediate(() => this.#schedule(next));
        return;
      }
      const known = new Map((await webhooks.list()).map((webhook) => [webhook.id, webhook]));
      await Promise.all(due.map((delivery) => this.#attempt(delivery, known.get(delivery.webhook))));
    }
  }

  async #attempt(delivery: DeliveryRecord, webhook: WebhookRecord | undefined): Promise<void> {
    if (webhook === undefined) return;
    // Another server does not post it meanwhile, and does afterwards where this one has ended.
    const { webhooks } = this.#options.store;
    if (!(await webhooks.takeDelivery(delivery, Date.now() + 2 * SERVER_LIMITS.webhookTimeoutMs))) return;
    const answer = await post(webhook, delivery, this.#closed.signal);
    const { attempts: before, status, reason, nextAt } = delivery;
    // Nothing was tried: the next server does it at once.
    if (this.#closed.signal.aborted)
      return webhooks.updateDelivery(delivery.id, { state: 'waiting', attempts: before, status, reason, nextAt });
    const attempts = delivery.attempts + 1;
    const wait = this.#retryMs[delivery.attempts];
    const ended = answer.delivered || answer.refusedForGood || wait === undefined;
    await webhooks.updateDelivery(delivery.id, {
      ...{ state: answer.delivered ? 'delivered' : ended ? 'failed' : 'waiting', attempts, status: answer.status },
      ...{ reason: answer.reason, nextAt: ended ? null : Date.now() + (wait ?? 0) },
    });
  }
}

interface PostAnswer {
  readonly delivered: boolean;
  /** The receiver says that it does not want any (410 Gone). */
  readonly refusedForGood: boolean;
  readonly status: number | null;
  readonly reason: string | null;
}

async function post(
  { url, secret }: WebhookRecord,
  { id, body }: DeliveryRecord,
  closed: AbortSignal,
): Promise<PostAnswer> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      // A redirect could lead the event, and its signature, to somebody else.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'nodeos',
        ...signedHeaders(secret, id, body, Date.now()),
      },
      body,
      signal: AbortSignal.any([closed, AbortSignal.timeout(SERVER_LIMITS.webhookTimeoutMs)]),
    });
    await answer.body?.cancel();
    const { status } = answer;
    const delivered = status >= 200 && status < 300;
    return {
      delivered,
      refusedForGood: status === 410,
      status,
      reason: delivered ? null : `the receiver answered ${status}`,
    };
  } catch (error) {
    const cause = (error as { cause?: { message?: string } }).cause?.message;
    return { delivered: false, refusedForGood: false, status: null, reason: cause ?? (error as Error).message };
  }
}
