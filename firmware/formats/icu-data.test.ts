import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clearIcuItems, listIcuItems } from './icu-data.ts';

/** A program with an empty archive, some text that looks like one, and an archive of twelve items. */
function program(): Buffer {
  const names = Array.from({ length: 12 }, (_, index) => `icudt99l/item-${String(index).padStart(2, '0')}.cnv`);
  return Buffer.concat([Buffer.from('ELF'), archive([]), Buffer.from('CmnD is no archive'), archive(names)]);
}

function archive(names: readonly string[]): Buffer {
  const header = Buffer.alloc(32);
  header.writeUInt16LE(32, 0);
  header.set([0xda, 0x27], 2);
  header.write('CmnD', 12, 'latin1');
  const table = Buffer.alloc(4 + 8 * names.length);
  table.writeUInt32LE(names.length, 0);
  const text = Buffer.from(names.map((name) => `${name}\0`).join(''));
  let nameAt = table.length;
  names.forEach((name, index) => {
    table.writeUInt32LE(nameAt, 4 + 8 * index);
    table.writeUInt32LE(table.length + text.length + 16 * index, 8 + 8 * index);
    nameAt += name.length + 1;
  });
  const content = names.map((_, index) => Buffer.alloc(16, index + 1));
  return Buffer.concat([header, table, text, ...content]);
}

describe('ICU data', () => {
  it('is found in a program, behind an empty archive', () => {
    const bytes = program();
    const items = listIcuItems(bytes);
    assert.equal(items.length, 11);
    assert.deepEqual(
      items.slice(0, 2).map(({ name, bytes: size }) => [name, size]),
      [
        ['item-00.cnv', 16],
        ['item-01.cnv', 16],
      ],
    );
    assert.ok(bytes.subarray(items[1]?.offset, (items[1]?.offset ?? 0) + 16).equals(Buffer.alloc(16, 2)));
  });

  it('is cleared item by item, and nothing else changes', () => {
    const bytes = program();
    const before = Buffer.from(bytes);
    assert.equal(
      clearIcuItems(bytes, (name) => name === 'item-03.cnv'),
      16,
    );
    const [item] = listIcuItems(before).filter(({ name }) => name === 'item-03.cnv');
    before.fill(0, item?.offset, (item?.offset ?? 0) + 16);
    assert.ok(bytes.equals(before));
  });

  it('is not seen where there is none', () => {
    assert.deepEqual(listIcuItems(Buffer.from('CmnD')), []);
    assert.deepEqual(listIcuItems(Buffer.alloc(100)), []);
  });
});
