/** Curve constants of RFC 8032, section 5.1. */
const P = 2n ** 255n - 19n;
const D = mod(-121665n * inverse(121666n));
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n);

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/**
 * Says what is wrong with an Ed25519 public key, null where it may be trusted.
 * A key of small order accepts signatures that nobody made (any message, all-zero S), and a point with two encodings
 * gives one key two names; Node 20's OpenSSL takes both.
 * @param bytes the 32 bytes of RFC 8032, section 5.1.2
 */
export function ed25519KeyFault(bytes: Uint8Array): string | null {
  if (bytes.length !== 32) return `has ${bytes.length} bytes, not 32`;
  const encoded = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const sign = encoded >> 255n;
  const y = encoded & (2n ** 255n - 1n);
  if (y >= P) return 'is not in canonical form';
  const x = recoverX(y, sign);
  if (x === 'no point') return 'is not a point of the curve';
  if (x === 'two forms') return 'is not in canonical form';
  let point: Point = { x, y };
  // The cofactor is 8: three doublings bring exactly the points of small order to the neutral element.
  for (let doubling = 0; doubling < 3; doubling++) point = double(point);
  return point.x === 0n && point.y === 1n ? 'is of small order' : null;
}

/** RFC 8032, section 5.1.3, steps 2 to 4. */
function recoverX(y: bigint, sign: bigint): bigint | 'no point' | 'two forms' {
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * SQRT_MINUS_ONE);
  if (mod(x * x - square) !== 0n) return 'no point';
  if (x === 0n) return sign === 1n ? 'two forms' : 0n;
  return (x & 1n) === sign ? x : P - x;
}

/** RFC 8032, section 5.1.4, in affine coordinates; the formulas hold for all points. */
function double({ x, y }: Point): Point {
  const product = mod(D * x * x * y * y);
  return {
    x: mod(2n * x * y * inverse(1n + product)),
    y: mod((y * y + x * x) * inverse(1n - product)),
  };
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function inverse(value: bigint): bigint {
  return power(mod(value), P - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let bits = exponent; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
