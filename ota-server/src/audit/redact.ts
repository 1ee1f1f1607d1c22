import { createHash } from 'node:crypto';

const SECRET = /password|token|secret|csr|^current$|^next$/i;

/** A request's body for the audit log: without secrets; long texts and octets as their length and hash. */
export function redact(body: unknown): string {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string')
    return `${body.length} characters, sha256 ${createHash('sha256').update(body).digest('hex')}`;
  if (typeof body !== 'object' || typeof (body as { pipe?: unknown }).pipe === 'function') return '';
  return JSON.stringify(body, (key, value) => (SECRET.test(key) && typeof value === 'string' ? '…' : value));
}
