/** 2^255 − 19. */
const FIELD = (1n << 255n) - 19n;
/** y of the points of order 8 (libsodium, list of small-order points in `ge25519_has_small_order`). */
const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, FIELD - 1n, ORDER_8_Y, FIELD - ORDER_8_Y]);

/** True for a public key that is canonical and of large order: under the others one signature can fit many messages. */
export function isSoundEd25519Key(hex: string): boolean {
  if (!/^[0-9a-f]{64}$/i.test(hex)) return false;
  const octets = Buffer.from(hex, 'hex').reverse();
  octets[0] = (octets[0] as number) & 0x7f;
  const y = BigInt(`0x${octets.toString('hex')}`);
  return y < FIELD && !SMALL_ORDER_Y.has(y);
}
