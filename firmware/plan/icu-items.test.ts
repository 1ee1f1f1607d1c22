import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnusedIcuItem } from './icu-items.ts';

const kept = (names: readonly string[], nodeMajor: number): string[] =>
  names.filter((name) => !isUnusedIcuItem(name, nodeMajor));

test('what Intl reaches stays, what nothing reaches goes', () => {
  const names = ['root.res', 'coll/de.res', 'brkitr/thaidict.dict', 'nfkc.nrm', 'translit/root.res', 'unames.icu'];
  const more = ['rfc3491.spp', 'confusables.cfu', 'ebcdic-xml-us.cnv', 'gb18030-2022.cnv'];
  const used = ['root.res', 'coll/de.res', 'brkitr/thaidict.dict', 'nfkc.nrm', 'gb18030-2022.cnv'];
  assert.deepEqual(kept([...names, ...more], 24), used);
});

test('Node 20 asks ICU for encodings of one byte that Node 24 knows itself', () => {
  const names = ['ibm-912_P100-1995.cnv', 'ibm-5346_P100-1998.cnv', 'macos-7_3-10.2.cnv', 'ibm-9121_X.cnv'];
  assert.deepEqual(kept(names, 20), names.slice(0, 3));
  assert.deepEqual(kept(names, 24), []);
});
