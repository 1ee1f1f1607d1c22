import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureRecovery } from '../bench/recovery.ts';

/** The watchdog's 30 s after the new kernel's driver has found it, the boot, and a busy machine. */
const LIMIT_MS = 300_000;

test('a kernel that hangs right after kexec is ended by the watchdog, which stays armed; the device says so', async (t) => {
  const [row] = await measureRecovery('hangs right after kexec', (line) => t.diagnostic(line), LIMIT_MS);
  assert.match(row?.reason ?? '', /^TRIAL_FAILED: the system hung, and the watchdog reset the machine/);
});
