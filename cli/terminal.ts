import type { Emulator } from '@nodeos/firmware/emulate/qemu.ts';
import { type CliIo, isTerminal } from './io.ts';

const CONTROL_A = 0x01;

/**
 * Splits what is typed into what goes to the machine and the escape: Ctrl-A x leaves, Ctrl-A Ctrl-A is one Ctrl-A,
 * Ctrl-A and anything else is sent as it is.
 */
export function createEscapeFilter(onLeave: () => void): (chunk: Uint8Array) => Uint8Array {
  let escaped = false;
  return (chunk) => {
    const out: number[] = [];
    for (const byte of chunk) {
      if (!escaped && byte === CONTROL_A) escaped = true;
      else if (escaped && (byte === 0x78 || byte === 0x58)) {
        onLeave();
        return Uint8Array.from(out);
      } else {
        if (escaped && byte !== CONTROL_A) out.push(CONTROL_A);
        out.push(byte);
        escaped = false;
      }
    }
    return Uint8Array.from(out);
  };
}

/** Joins the machine's console with this process's terminal until the machine ends, or the user leaves it. */
export async function attachTerminal(io: CliIo, emulator: Emulator): Promise<void> {
  const stdin = io.stdin as NodeJS.ReadStream | undefined;
  const raw = stdin !== undefined && isTerminal(stdin);
  const stopShowing = emulator.console.onData((chunk) => void io.stdout.write(chunk));
  const filter = createEscapeFilter(() => void emulator.stop());
  const typed = (chunk: Buffer): void => emulator.console.write(raw ? filter(chunk) : chunk);
  if (raw) stdin.setRawMode(true);
  stdin?.on('data', typed);
  try {
    await emulator.ended;
  } finally {
    stopShowing();
    stdin?.off('data', typed);
    if (raw) stdin.setRawMode(false);
    stdin?.pause();
  }
}
