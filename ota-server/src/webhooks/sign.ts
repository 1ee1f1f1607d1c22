import { createHmac, randomBytes } from 'node:crypto';

/** A new secret in the form of the Standard Webhooks specification: `whsec_` and 32 octets in base64. */
export const makeSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/**
 * Headers of one attempt, after the Standard Webhooks specification 1.0.0.
 * @param at milliseconds since 1970: a receiver refuses what is old, so a recorded request cannot be sent again later
 */
export function signedHeaders(secret: string, id: string, body: string, at: number): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
