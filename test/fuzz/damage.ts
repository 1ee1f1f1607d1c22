import fc from 'fast-check';

/** Values that programs stumble over. */
const ODD = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, 2 ** 53, 0.5, '', ' ', '\0', '../../etc', '__proto__', [], {}, [
    [],
  ]),
  fc.string(),
  fc.jsonValue(),
  fc.integer({ min: 1, max: 40_000 }).map((length) => 'x'.repeat(length)),
);
const ODD_NAME = fc.constantFrom('__proto__', 'constructor', 'toString', '', 'a.b', '0', 'x'.repeat(300));

/** Text that is, or once was, the example in JSON: fields replaced, taken out, added, bytes changed, cut off. */
export function damagedJson(example: unknown): fc.Arbitrary<string> {
  const text = JSON.stringify(example);
  const changed = fc
    .array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'add'), ODD, ODD_NAME), {
      minLength: 0,
      maxLength: 3,
    })
    .map((changes) => {
      const value = JSON.parse(text);
      for (const [where, how, odd, name] of changes) damage(value, where, how, odd, name);
      return JSON.stringify(value);
    });
  const torn = damagedBytes(Buffer.from(text)).map((octets) => Buffer.from(octets).toString());
  return fc.oneof(changed, torn, fc.json(), fc.string());
}

function damage(root: unknown, where: number, how: string, odd: unknown, name: string): void {
  const places: [Record<string, unknown>, string][] = [];
  const collect = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    for (const key of Object.keys(value)) {
      places.push([value as Record<string, unknown>, key]);
      collect((value as Record<string, unknown>)[key]);
    }
  };
  collect(root);
  const [holder, key] = places[where % Math.max(1, places.length)] ?? [];
  if (!holder || key === undefined) return;
  if (how === 'remove') delete holder[key];
  else {
    // As JSON.parse does it: an own property, whatever its name. A copy: the next change must not get into the odd value.
    const own = { value: structuredClone(odd), enumerable: true, configurable: true };
    Object.defineProperty(holder, how === 'add' ? name : key, own);
  }
}

/** Bytes that are, or once were, the example: some changed, a part repeated or left out, the end cut off. */
export function damagedBytes(example: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat({ max: Math.max(0, example.length - 1) });
  const changed = fc.array(fc.tuple(place, fc.nat({ max: 255 })), { maxLength: 8 }).map((changes) => {
    const octets = Uint8Array.from(example);
    for (const [at, value] of changes) octets[at] = value;
    return octets;
  });
  const cut = fc.tuple(place, place).map(([from, to]) => example.slice(Math.min(from, to), Math.max(from, to)));
  const without = fc
    .tuple(place, fc.nat({ max: 64 }))
    .map(([at, length]) => Buffer.concat([example.slice(0, at), example.slice(at + length)]));
  return fc.oneof({ weight: 4, arbitrary: changed }, cut, without, fc.uint8Array({ maxLength: 600 }));
}
