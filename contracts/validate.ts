import type { ZodType } from 'zod';
import * as z from 'zod';
import { NodeosError } from './errors.ts';

/**
 * Checks a value at a border with its schema.
 * @param what names the value for the user, e.g. `fleet.json` or `boards/x86_64-usb.json`
 * @throws NodeosError INPUT_INVALID that names each wrong field
 */
export function validate<T>(schema: ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.map(String).join('.') || '(whole)'}: ${issue.message}`,
  );
  throw new NodeosError('INPUT_INVALID', `${what} is not valid: ${problems.join('; ')}`);
}

/**
 * Parses JSON text and checks it. What stands in the text is no part of the error: it may be a token or a passphrase.
 * @throws NodeosError INPUT_INVALID for both kinds of fault
 */
export function parseJson<T>(schema: ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NodeosError('INPUT_INVALID', `${what} is not JSON: ${withoutExcerpt((cause as Error).message)}`);
  }
  return validate(schema, value, what);
}

/** V8 quotes a piece of the text: `Unexpected token 'x', ..."some of it"... is not valid JSON`. */
function withoutExcerpt(message: string): string {
  return message.replace(/,? (?:\.\.\.)?".*" ?(?:\.\.\.)? ?is not valid JSON$/s, '');
}

/** Semantic version 2.0.0, by the expression that semver.org publishes. */
export const SEMVER_PATTERN =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

export const semverSchema = z.string().max(64).regex(SEMVER_PATTERN, 'is not a semantic version such as 1.2.0');
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'is not a sha256 in lower-case hex');
export const appNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'is not an app name: lower-case letters, digits, dashes, at most 32, letter first');
export const boardNameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,47}$/, 'is not a board name');
