import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureRecovery } from '../bench/recovery.ts';

/** The watchdog's 30 s after the new kernel's driver has found it, the boot, and a busy machine. */
const LIMIT_MS = 300_000;

test('a kernel that panics leaves its last words; one that hangs right after kexec is ended by the watchdog, which stays armed', async (t) => {
  const rows = await measureRecovery('kernel that', (line) => t.diagnostic(line), LIMIT_MS);
  const reasons = Object.fromEntries(rows.map(({ name, reason }) => [name, reason]));
  assert.match(reasons['kernel that panics at once'] ?? '', /^TRIAL_FAILED: the kernel panicked: VFS: Unable to mount/);
  const hung = reasons['kernel that hangs right after kexec'] ?? '';
  assert.match(hung, /^TRIAL_FAILED: the system hung, and the watchdog reset the machine/);
});
