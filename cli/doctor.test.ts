import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Check, checkTools, installCommand } from './doctor.ts';

const check = (state: Check['state'], debianPackage?: string): Check => ({
  name: 'x',
  state,
  detail: '',
  debianPackage,
});

describe('installCommand', () => {
  it('names each missing package once, sorted', () => {
    const checks = [check('missing', 'mtools'), check('missing', 'bc'), check('missing', 'mtools'), check('ok', 'gcc')];
    assert.equal(installCommand(checks)?.join(' '), 'apt-get install --yes --no-install-recommends bc mtools');
  });
  it('is null where nothing can be installed', () => {
    assert.equal(installCommand([check('ok', 'gcc'), check('warning'), check('missing')]), null);
  });
});

describe('checkTools', () => {
  it('names the Debian package of a program that is not on the PATH', async () => {
    const gcc = (await checkTools('/nonexistent')).find((found) => found.name === 'gcc');
    assert.deepEqual([gcc?.state, gcc?.debianPackage], ['missing', 'gcc']);
  });
});
