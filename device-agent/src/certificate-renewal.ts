import { X509Certificate } from 'node:crypto';

const CHECK_EVERY_MS = 86_400_000;
/** Longer times overflow the timer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** True once three quarters of a certificate's life are over. */
function renewalDue(certificate: string, now: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return now >= to - (to - from) / 4;
}

export interface RenewalOptions {
  readonly certificate: string;
  /** Asks the server for a certificate for the same key; it may give the same one again. */
  readonly ask: () => Promise<string>;
  readonly onRenewed: (certificate: string) => Promise<void>;
  readonly log: (text: string) => void;
  readonly now?: () => number;
  readonly everyMs?: number;
}

/** Looks at once and every day whether it is time for a new certificate. @returns the way to stop that */
export function watchCertificate(options: RenewalOptions): () => void {
  const { certificate, log, now = Date.now, everyMs = CHECK_EVERY_MS } = options;
  let stopped = false;
  let timer: NodeJS.Timeout | null = null;
  async function look(): Promise<void> {
    try {
      if (renewalDue(certificate, now())) {
        const next = await options.ask();
        if (next !== certificate && !stopped) {
          stopped = true;
          await options.onRenewed(next);
        }
      }
    } catch (error) {
      log(`the certificate was not renewed: ${(error as Error).message}`);
    }
    if (!stopped) timer = setTimeout(() => void look(), Math.min(everyMs, TIMER_MAX_MS));
  }
  void look();
  return () => {
    stopped = true;
    if (timer) clearTimeout(timer);
  };
}
