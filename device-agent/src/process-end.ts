import { describeError } from '@nodeos/contracts/errors.ts';
import type { Logs } from './logs.ts';

const GOODBYE_LIMIT_MS = 300;

/** Writes to the console; a console that is gone is no reason to end. */
export function print(text: string): void {
  try {
    process.stdout.write(`${text}\n`);
  } catch {
    // Nobody can be told.
  }
}

/** A state that nobody thought of is left by ending: init starts the agent anew. */
export function endOnUnhandledErrors(logs: Logs): void {
  process.stdout.on('error', () => {});
  const end = (error: unknown) => {
    logs.log(`ends: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`);
    void Promise.race([logs.flush(), timeLimit()]).finally(() => process.exit(1));
  };
  process.once('uncaughtException', end);
  process.once('unhandledRejection', end);
}

/** init ends all processes itself at a shutdown: the agent has but to say good-bye and keep its log. */
export function endOnSignal(logs: Logs, sayGoodbye: () => Promise<void>): void {
  process.once('SIGTERM', () => {
    // Taking the JavaScript engine apart in good order would only make the outage of a reboot longer.
    const end = () => process.kill(process.pid, 'SIGKILL');
    void Promise.race([Promise.all([sayGoodbye(), logs.flush()]), timeLimit()]).finally(end);
  });
}

function timeLimit(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, GOODBYE_LIMIT_MS));
}
