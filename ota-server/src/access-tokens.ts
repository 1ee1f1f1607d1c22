import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { SERVER_LIMITS } from './limits.ts';
import type { ServerStore } from './store/store.ts';

export const SESSION_COOKIE = 'nodeos_session';
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{20,128}$/;

/** Who may use the operator API: the bearer of the operator token, or of a session that it opened. */
export interface AccessTokens {
  readonly operatorToken: string;
  isOperatorToken(token: string): boolean;
  /** @returns the session's secret for the cookie */
  openSession(): Promise<string>;
  isSession(secret: string): Promise<boolean>;
  closeSession(secret: string): Promise<void>;
}

/**
 * Reads the operator token from its file (0600), or makes it. The store keeps only its hash.
 * A file that was deleted means a new token: so a lost or leaked token is replaced.
 */
export async function openAccessTokens(
  tokenPath: string,
  store: ServerStore,
  now: () => number = Date.now,
): Promise<AccessTokens> {
  const operatorToken = (await readToken(tokenPath)) ?? (await makeToken(tokenPath));
  const expected = hashOf(operatorToken);
  await store.setSetting('operator-token-sha256', expected.toString('hex'));
  return {
    operatorToken,
    isOperatorToken: (token) => timingSafeEqual(hashOf(token), expected),
    async openSession() {
      const secret = randomBytes(32).toString('base64url');
      await store.addSession(hashOf(secret).toString('hex'), now() + SERVER_LIMITS.sessionLifetimeMs);
      return secret;
    },
    isSession: (secret) => store.hasSession(hashOf(secret).toString('hex'), now()),
    closeSession: (secret) => store.removeSession(hashOf(secret).toString('hex')),
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
  const token = randomBytes(32).toString('base64url');
  await writeFileAtomic(path, `${token}\n`, 0o600);
  return token;
}

function hashOf(secret: string): Buffer {
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
