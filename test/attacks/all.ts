import type { Attack } from './attack.ts';
import { ON_ARTEFACTS } from './on-artefacts.ts';
import { ON_KEYS } from './on-keys.ts';
import { ON_METADATA } from './on-metadata.ts';
import { ON_SERVER } from './on-server.ts';

export const ATTACKS: readonly Attack[] = [...ON_METADATA, ...ON_ARTEFACTS, ...ON_KEYS, ...ON_SERVER];
