import { join } from 'node:path';
import { assetPath } from '@nodeos/firmware/assets.ts';
import { type Bundle, bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { makeVariant } from '../../examples/variants.ts';
import { STORY_LIMITS, type StoryContext } from './context.ts';

/** Bundles the example app in the given version. */
export async function bundleHello(
  context: StoryContext,
  version: string,
  options: { readonly crash?: boolean; readonly greeting?: string } = {},
): Promise<Bundle> {
  const folder = await makeVariant(assetPath('examples', 'hello'), version, {
    into: join(context.folder, `hello-${version}`),
    startMs: STORY_LIMITS.appStartMs,
    ...options,
  });
  return bundleApp(context.build, { folder, board: context.board, out: join(context.folder, `hello-${version}.sqfs`) });
}
