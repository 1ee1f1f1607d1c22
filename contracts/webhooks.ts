import * as z from 'zod';

export const WEBHOOK_TOPICS = ['device', 'deployment', 'release'] as const;
export const webhookTopicSchema = z.enum(WEBHOOK_TOPICS);
export type WebhookTopic = z.infer<typeof webhookTopicSchema>;

export const webhookRequestSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(1024),
  topics: z.array(webhookTopicSchema).min(1).max(WEBHOOK_TOPICS.length),
});
export type WebhookRequest = z.infer<typeof webhookRequestSchema>;

export const webhookSchema = z.object({
  id: z.string(),
  url: z.string(),
  topics: z.array(webhookTopicSchema),
  createdAt: z.number().int(),
});
export type Webhook = z.infer<typeof webhookSchema>;
/** `whsec_` and the key in base64; shown once. */
export const newWebhookSchema = webhookSchema.extend({ secret: z.string() });
export type NewWebhook = z.infer<typeof newWebhookSchema>;

/**
 * What is posted. Headers after the Standard Webhooks specification 1.0.0: `webhook-id`, `webhook-timestamp` (seconds)
 * and `webhook-signature`, which is `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
 */
export const webhookEventSchema = z.object({
  type: z.string(),
  timestamp: z.string(),
  fleet: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type WebhookEvent = z.infer<typeof webhookEventSchema>;

export const webhookDeliverySchema = z.object({
  id: z.string(),
  webhook: z.string(),
  type: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.number().int(),
  /** HTTP status of the last answer, null where there was none. */
  status: z.number().int().nullable(),
  reason: z.string().nullable(),
  createdAt: z.number().int(),
  /** When it is tried next; null where it has ended. */
  nextAt: z.number().int().nullable(),
});
export type WebhookDelivery = z.infer<typeof webhookDeliverySchema>;
