/** Converters that TextDecoder reaches for the encodings of the web platform in East Asia. */
const EAST_ASIAN_CONVERTERS =
  /^(euc-jp-|gb18030-|ibm-1373_|ibm-943_P15A|ibm-970_|ibm-5478_|jisx-212|windows-936-|windows-949-|windows-950-)/;

/** Those for the other encodings of that list; newer versions of Node have tables of their own for them. */
const SINGLE_BYTE_CONVERTERS =
  /^(ibm-(866|878|912|913|914|915|921|923|1089|1168|5012|5346|5347|5348|5349|5350|5354|9005|9447|9448|9449)_|ibm-1386_|iso-8859_1[04]-|macos-(0_2|7_3)-|windows-874-)/;
/** First major version of Node that reaches only the former. */
const OWN_TABLES_SINCE = 24;

/**
 * True for ICU data that no API of JavaScript reaches: transliteration, character names, look-alike and stringprep
 * tables, and converters for encodings that are not of the web platform (mainframes, old PCs).
 */
export function isUnusedIcuItem(name: string, nodeMajor: number): boolean {
  if (name.endsWith('.cnv')) {
    const used =
      EAST_ASIAN_CONVERTERS.test(name) || (nodeMajor < OWN_TABLES_SINCE && SINGLE_BYTE_CONVERTERS.test(name));
    return !used;
  }
  return name.startsWith('translit/') || name === 'unames.icu' || name.endsWith('.spp') || name.endsWith('.cfu');
}

/**
 * Script for two Node.js programs whose outputs must be equal: what the encodings of the web platform (WHATWG Encoding
 * Standard, section 4.2) make of all pairs of bytes, and samples of every service of Intl.
 */
export const ICU_CHECK_SCRIPT = `
const labels = ('utf-8 ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 ' +
  'iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh windows-874 ' +
  'windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 ' +
  'windows-1258 x-mac-cyrillic gbk gb18030 big5 euc-jp iso-2022-jp shift_jis euc-kr utf-16be utf-16le').split(' ');
const pairs = Buffer.alloc(131072);
for (let pair = 0; pair < 65536; pair++) pairs.writeUInt16BE(pair, 2 * pair);
const escapes = ['(B', '(J', '(I', '$@', '$B', '$(D'].map((name) => Buffer.from('\\x1b' + name + '!"0!%b~~', 'latin1'));
const euc = Buffer.concat([pairs, Buffer.from([0x8f, 0xb0, 0xa1, 0x8e, 0xb1])]);
const gb = Buffer.from([0x81, 0x30, 0x81, 0x30, 0x84, 0x31, 0xa4, 0x39, 0x90, 0x30, 0x81, 0x30]);
const hash = (text) => require('node:crypto').createHash('sha256').update(text).digest('hex');
const results = {};
for (const label of labels) {
  for (const [name, bytes] of Object.entries({ pairs, euc, gb, iso: Buffer.concat(escapes) })) {
    try {
      results[label + ' ' + name] = hash(new TextDecoder(label).decode(bytes));
    } catch (error) {
      results[label + ' ' + name] = error.code;
    }
  }
}
const date = new Date(1700000000000);
for (const locale of ['en', 'de', 'fr', 'es', 'ru', 'ar', 'he-u-ca-hebrew', 'zh-u-ca-chinese', 'ja-u-ca-japanese', 'th', 'hi', 'ko']) {
  results[locale] = [
    new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'full', timeZone: 'Asia/Tokyo' }).format(date),
    new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR', currencyDisplay: 'name' }).format(-1234567.8),
    new Intl.NumberFormat(locale, { style: 'unit', unit: 'kilometer-per-hour', unitDisplay: 'long' }).format(3),
    new Intl.PluralRules(locale, { type: 'ordinal' }).select(2),
    new Intl.RelativeTimeFormat(locale).format(-3, 'week'),
    new Intl.ListFormat(locale).format(['a', 'b', 'c']),
    new Intl.DisplayNames(locale, { type: 'region' }).of('AT'),
    ['z', 'ä', 'a', '中', '日'].sort(new Intl.Collator(locale).compare).join(''),
    [...new Intl.Segmenter(locale, { granularity: 'word' }).segment('日本語の文 ภาษาไทย hello')].length,
    'İIıi ǆ ß'.toLocaleUpperCase(locale) + '\\u1e9b\\u0323'.normalize('NFKC'),
  ];
}
results.host = new URL('http://mañana.ﬁ/').host + /\\p{Script=Greek}\\p{RGI_Emoji}/v.test('α👍🏽');
console.log(JSON.stringify(results));
`;
