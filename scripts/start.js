import { join } from 'node:path';
import { run } from './children.js';
import { main, NODE, ROOT, setUp } from './setup.js';

await main(async () => {
  await setUp(['build', 'emulate']);
  const { code } = await run(NODE, [join(ROOT, 'cli', 'bin', 'nodeos.js'), 'demo', ...process.argv.slice(2)]);
  return code;
});
