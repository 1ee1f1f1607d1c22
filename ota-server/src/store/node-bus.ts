import type { Change } from '../live/changes.ts';

/** What a server tells the others that work on the same data. */
export type NodeMessage =
  | ({ readonly kind: 'change'; readonly fleet: string } & Change)
  /** A right has ended, see `Endings`. */
  | { readonly kind: 'end'; readonly key: string }
  /** A device is shut out: its connections end. */
  | { readonly kind: 'cut'; readonly device: string };

export interface NodeListener {
  receive(message: NodeMessage): void;
  /** Messages of others may have been lost. */
  missed(): void;
}

/** The way from each server to all others on the same data. */
export interface NodeBus {
  /** Returns at once; what cannot be sent now is sent later. A server does not hear itself. */
  send(message: NodeMessage): void;
  listen(listener: NodeListener): void;
}

/** Of a server that has its data to itself. */
export const NO_OTHER_NODES: NodeBus = { send: () => undefined, listen: () => undefined };
