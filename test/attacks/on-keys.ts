import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import { ed25519KeyFault } from '@nodeos/device-agent/src/trust/ed25519.ts';
import { checkMetadataKeys } from '@nodeos/device-agent/src/trust/metadata-keys.ts';
import type { Attack } from './attack.ts';

/** RFC 8032, section 7.1: public key, message, signature. */
const VECTORS = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;
/** Order of the base point, RFC 8032, section 5.1. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const hex = (text: string) => Buffer.from(text, 'hex');

/** By the function that the metadata client verifies with. */
function accepts(publicHex: string, message: Buffer, signature: Buffer): boolean {
  const spki = Buffer.concat([hex('302a300506032b6570032100'), hex(publicHex)]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

/** S + L verifies the same equation; RFC 8032, section 5.1.7 demands S < L. */
function malleated(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + ORDER;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(hex(s.toString(16).padStart(64, '0'))).reverse()]);
}

function keyRefusal(publicHex: string): string {
  const root = { signed: { keys: { k: { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } } } } };
  try {
    checkMetadataKeys(Buffer.from(JSON.stringify(root)), 'root.json');
  } catch (error) {
    if (isNodeosError(error)) return describeError(error);
    throw error;
  }
  throw new Error(`the key ${publicHex} was taken`);
}

const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];
const NOT_CANONICAL = [`ed${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}7f`, `01${'00'.repeat(30)}80`];

export const ON_KEYS: readonly Attack[] = [
  {
    title: 'no attack: signatures of RFC 8032',
    expected: /^3 of 3 verify/,
    async run() {
      const good = VECTORS.filter(([key, message, signature]) => accepts(key, hex(message), hex(signature)));
      for (const [key] of VECTORS) assert.equal(ed25519KeyFault(hex(key)), null);
      return `${good.length} of ${VECTORS.length} verify`;
    },
  },
  {
    title: 'signatures of RFC 8032 with any one bit changed',
    expected: /^refused, all 1536/,
    async run() {
      let tried = 0;
      for (const [key, message, signature] of VECTORS)
        for (let bit = 0; bit < 512; bit++) {
          const forged = hex(signature);
          forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
          assert.ok(!accepts(key, hex(message), forged), `bit ${bit}`);
          tried++;
        }
      return `refused, all ${tried}`;
    },
  },
  {
    title: 'a second form of a signature (S + L)',
    expected: /^refused, all 3/,
    async run() {
      for (const [key, message, signature] of VECTORS)
        assert.ok(!accepts(key, hex(message), malleated(hex(signature))));
      return `refused, all ${VECTORS.length}`;
    },
  },
  {
    title: 'root with a key of small order, which verifies what nobody signed',
    expected: /^METADATA_INVALID: .*is of small order/,
    run: async () =>
      SMALL_ORDER.map(keyRefusal).find((text) => !/small order/.test(text)) ?? keyRefusal(SMALL_ORDER[0] as string),
  },
  {
    title: 'root with a key in a second encoding',
    expected: /^METADATA_INVALID: .*canonical form/,
    run: async () =>
      NOT_CANONICAL.map(keyRefusal).find((text) => !/canonical/.test(text)) ?? keyRefusal(NOT_CANONICAL[0] as string),
  },
];
