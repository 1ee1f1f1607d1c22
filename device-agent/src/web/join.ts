import type { Socket } from 'node:net';

/** Passes the bytes of two connections to each other; both end when one breaks off, or when nothing comes for so long. */
export function join(one: Socket, other: Socket, idleMs: number): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => {});
    from.on('close', () => to.destroySoon());
    from.setTimeout(idleMs, () => from.destroy());
  }
}
