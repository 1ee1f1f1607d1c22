import { readFileSync } from 'node:fs';

/** Which of the things that were not yet safe a power cut has left. */
export interface Choice {
  readonly kept: () => boolean;
  /** Sector of the write under way. */
  readonly sector: (index: number, count: number) => boolean;
}

/** One call's changes of names: kept or lost as a whole, as a file system's journal does it. */
export interface NameChange {
  readonly folder: string;
  readonly changes: readonly (readonly [string, BlockFile | null])[];
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly bytes: number };

/** A file, whatever it is called by now: what is safe of it, and what was changed since. */
export class BlockFile {
  path: string | null;
  /** Content on the medium; null where the live content is all safe. */
  #safe: Buffer | null;
  #changes: Change[] = [];
  /** Content of a file that has lost its name. */
  #unlinked: Buffer | null = null;

  constructor(path: string, safe: Buffer | null) {
    this.path = path;
    this.#safe = safe;
  }

  /** As a program would read it now. */
  content(): Buffer {
    return this.#unlinked ?? readFileSync(this.path ?? '');
  }

  write(position: number, bytes: Uint8Array): void {
    this.#safe ??= this.content();
    this.#changes.push({ kind: 'write', position, bytes: Buffer.from(bytes) });
  }

  truncate(bytes: number): void {
    this.#safe ??= this.content();
    this.#changes.push({ kind: 'truncate', bytes });
  }

  sync(): void {
    this.#safe = null;
    this.#changes = [];
  }

  /** Must be called before the name is taken away. */
  unlink(): void {
    this.#unlinked = this.content();
    this.path = null;
  }

  /** Content after a power cut, null where all of it was safe. */
  left(choice: Choice): Buffer | null {
    if (this.#safe === null) return null;
    let bytes = this.#safe;
    for (const change of this.#changes.filter(choice.kept)) {
      const length =
        change.kind === 'truncate' ? change.bytes : Math.max(bytes.length, change.position + change.bytes.length);
      const next = Buffer.alloc(length);
      bytes.copy(next);
      if (change.kind === 'write') change.bytes.copy(next, change.position);
      bytes = next;
    }
    return bytes;
  }
}
