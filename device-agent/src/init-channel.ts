import { fstatSync, writeSync } from 'node:fs';
import type { InitWord } from '@nodeos/contracts/boot-facts.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { InitChannel } from './ports.ts';

const CHANNEL_FD = 3;

/**
 * Opens the channel to init and sends heartbeats from then on.
 * Without init (a developer's machine) words go nowhere.
 * @param onLost told once where init no longer listens
 */
export function openInitChannel(
  onLost: (reason: string) => void,
  fd: number = CHANNEL_FD,
): InitChannel & { close(): void } {
  let open = isSocket(fd);
  if (!open) onLost('no channel to init on file descriptor 3');

  function send(word: InitWord): void {
    if (!open) return;
    try {
      // Synchronous: a word must have left before this process ends, and one line always fits the socket's buffer.
      writeSync(fd, `${word}\n`);
    } catch (error) {
      open = false;
      onLost(`init does not listen any more: ${(error as Error).message}`);
    }
  }

  send('heartbeat');
  const timer = setInterval(() => send('heartbeat'), DEVICE_LIMITS.heartbeatIntervalMs);
  return { send, close: () => clearInterval(timer) };
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
