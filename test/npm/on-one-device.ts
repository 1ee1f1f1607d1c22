import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { cannotEmulate, liveThrough } from '../boards/life.ts';
import { sharedCache } from '../support/build.ts';
import { type BundledPackage, bundlePackage } from './bundle-each.ts';
import type { CheckedPackage } from './packages.ts';
import { type Seen, useOnDevice } from './use-on-device.ts';

const BOARD = 'x86_64-usb';
const AT_ONCE = 4;

/** One line of the table: what a package did, or why it could not. */
export interface Verdict {
  readonly item: BundledPackage;
  /** Null where it was refused before it came to a device. */
  readonly seen: Seen | null;
}

export interface DeviceTestSteps {
  /** Gets all verdicts. */
  readonly finish?: (verdicts: readonly Verdict[]) => Promise<void>;
}

/**
 * Bundles packages, uses each on one emulated device, and holds them to what their list says.
 */
export function testOnOneDevice(
  title: string,
  packages: readonly CheckedPackage[],
  { finish }: DeviceTestSteps = {},
): void {
  test(title, async (t) => {
    const reason = await cannotEmulate(BOARD);
    if (reason !== false) return t.skip(reason);
    const folder = mkdtempSync(join(tmpdir(), 'nodeos-npm-'));
    const signal = new AbortController().signal;
    try {
      const build = { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false };
      const board = await loadBoard(BOARD);
      const bundled = await bundleAll(packages, (item) => bundlePackage(build, board, folder, item));
      for (const { bundle, refused, ...item } of bundled)
        await t.test(`${item.name} is bundled`, (subtest) => {
          if (item.fails?.at === 'bundle') assert.match(refused ?? 'it was bundled', item.fails.says);
          else assert.equal(refused, null);
          if (bundle) subtest.diagnostic(`${(bundle.bytes / 1e6).toFixed(2)} MB`);
        });
      const verdicts: Verdict[] = [];
      const there = bundled.filter(({ bundle }) => bundle !== null);
      await liveThrough(t, {
        board: BOARD,
        machine: { firmware: 'bios', memoryMiB: 1024 },
        events: [],
        async more(_t, context, fleet, device) {
          const seen = await useOnDevice(context, fleet, device, there, ({ name, ok, text }) =>
            t.diagnostic(`${ok ? 'works' : 'fails'}: ${name}: ${text}`),
          );
          for (const item of bundled)
            verdicts.push({ item, seen: seen.find(({ name }) => name === item.name) ?? null });
        },
      });
      for (const { item, seen } of verdicts)
        await t.test(`${item.name} does on the device what is expected`, () => {
          if (item.fails?.at === 'bundle') return;
          if (item.fails?.at === 'device') assert.match(seen?.text ?? '', item.fails.says);
          assert.equal(seen?.ok, item.fails === undefined, seen?.text);
        });
      await finish?.(verdicts);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** Several at once: most of the time npm waits for the registry. */
async function bundleAll(
  packages: readonly CheckedPackage[],
  bundle: (item: CheckedPackage) => Promise<BundledPackage>,
): Promise<BundledPackage[]> {
  const results: BundledPackage[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < packages.length; at = next++) results[at] = await bundle(packages[at] as CheckedPackage);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}
