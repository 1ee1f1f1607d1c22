import {
  newWebhookSchema,
  webhookDeliverySchema,
  webhookRequestSchema,
  webhookSchema,
} from '@nodeos/contracts/webhooks.ts';
import * as z from 'zod';
import type { RouteRules } from './rule.ts';

export const WEBHOOK_RULES: RouteRules = {
  'GET /api/v1/webhooks': {
    scope: 'webhooks',
    summary: 'Addresses that are told what happens in the fleet',
    answer: z.object({ webhooks: z.array(webhookSchema) }),
  },
  'POST /api/v1/webhooks': {
    scope: 'webhooks',
    summary: 'Add an address; its secret is in this answer only',
    body: webhookRequestSchema,
    answer: newWebhookSchema,
  },
  'DELETE /api/v1/webhooks/:id': { scope: 'webhooks', summary: 'Remove an address', status: 204 },
  'POST /api/v1/webhooks/:id/test': { scope: 'webhooks', summary: 'Post an event of type test', status: 202 },
  'GET /api/v1/webhooks/:id/deliveries': {
    scope: 'webhooks',
    summary: 'What was posted to an address, newest first',
    answer: z.object({ deliveries: z.array(webhookDeliverySchema) }),
  },
};
