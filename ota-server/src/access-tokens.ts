import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { randomText } from './access/random-text.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { SERVER_LIMITS } from './limits.ts';
import type { ServerStore } from './store/store.ts';

export const SESSION_COOKIE = 'nodeos_session';
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{20,128}$/;
const HASH_SETTING = 'operator-token-sha256';

/** The operator token, with which the first administrator comes in, and the sessions of all who sign in. */
export interface AccessTokens {
  readonly operatorToken: string;
  isOperatorToken(token: string): Promise<boolean>;
  /**
   * @param user null for the operator token
   * @returns the session's secret for the cookie
   */
  openSession(user: string | null, fleet: string, address: string): Promise<string>;
}

/**
 * Reads the operator token from its file (0600), or makes it. The store keeps only its hash.
 * A file that was deleted means a new token: so a lost or leaked token is replaced, and the sessions it opened end.
 */
export async function openAccessTokens(
  tokenPath: string,
  store: ServerStore,
  now: () => number = Date.now,
): Promise<AccessTokens> {
  const operatorToken = (await readToken(tokenPath)) ?? (await makeToken(tokenPath));
  const expected = hashOf(operatorToken);
  if ((await store.getSetting(HASH_SETTING)) !== expected.toString('hex')) {
    for (const { hash } of await store.accounts.listSessions(null, now())) await store.accounts.removeSession(hash);
    await store.setSetting(HASH_SETTING, expected.toString('hex'));
  }
  return {
    operatorToken,
    // As the store has it now: another server may have made a new one since.
    async isOperatorToken(token) {
      const known = Buffer.from((await store.getSetting(HASH_SETTING)) ?? '', 'hex');
      return known.length === expected.length && timingSafeEqual(hashOf(token), known);
    },
    async openSession(user, fleet, address) {
      const secret = randomBytes(32).toString('base64url');
      const createdAt = now();
      const expiresAt = createdAt + SERVER_LIMITS.sessionLifetimeMs;
      const hash = hashOf(secret).toString('hex');
      await store.accounts.addSession({ hash, user, fleet, address, createdAt, expiresAt });
      return secret;
    },
  };
}

async function readToken(path: string): Promise<string | null> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new NodeosError('FILE_UNREADABLE', `${path}: ${(error as Error).message}`, { cause: error });
  }
  if (!TOKEN_PATTERN.test(text))
    throw new NodeosError('FILE_UNREADABLE', `${path} does not hold an operator token`, {
      hint: 'Delete the file and start the server again: it makes a new token.',
    });
  return text;
}

async function makeToken(path: string): Promise<string> {
  const token = randomText(32);
  await writeFileAtomic(path, `${token}\n`, 0o600);
  return token;
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Value of one cookie of a `Cookie` header. */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const [key, ...value] = part.trim().split('=');
    if (key === name) return value.join('=');
  }
  return null;
}
