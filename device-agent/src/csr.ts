import { createPublicKey, type KeyObject, sign } from 'node:crypto';

// Object identifiers with tag and length: RFC 5280 A.1 (commonName), RFC 5758 3.2 (ecdsa-with-SHA256).
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const TAG = { integer: 0x02, bitString: 0x03, utf8String: 0x0c, sequence: 0x30, set: 0x31, attributes: 0xa0 } as const;

/**
 * Makes a certification request (PKCS#10, RFC 2986) in PEM.
 * Written here because the field's X.509 libraries cost more memory than the whole of the agent's own code.
 * @param key EC P-256 private key
 */
export function certificationRequest(commonName: string, key: KeyObject): string {
  const name = tlv(TAG.sequence, tlv(TAG.set, tlv(TAG.sequence, COMMON_NAME, tlv(TAG.utf8String, commonName))));
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const info = tlv(TAG.sequence, tlv(TAG.integer, Buffer.of(0)), name, publicKey, tlv(TAG.attributes));
  const signature = tlv(TAG.bitString, Buffer.of(0), sign('sha256', info, key));
  const request = tlv(TAG.sequence, info, tlv(TAG.sequence, ECDSA_WITH_SHA256), signature);
  const lines = request.toString('base64').match(/.{1,64}/g) as string[];
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n');
}

/** One DER value: tag, definite length, content (X.690, 8.1 and 10.1). */
function tlv(tag: number, ...content: readonly (Uint8Array | string)[]): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}
