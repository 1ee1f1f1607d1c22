import { randomBytes } from 'node:crypto';

/** Random octets in base64url that can stand on a command line: a dash in front would make an option of it. */
export function randomText(octets: number): string {
  for (;;) {
    const text = randomBytes(octets).toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
