// For Node 20, which does not know TypeScript: sources run as they are, without their types.
import { register } from 'node:module';

register('./strip-types.mjs', import.meta.url);
