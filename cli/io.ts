/** What a verb may use of the process around it; tests give their own. */
export interface CliIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Only `repl` reads it. */
  readonly stdin?: NodeJS.ReadableStream;
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** True where a person watches the stream. */
export function isTerminal(stream: NodeJS.WritableStream | NodeJS.ReadableStream | undefined): boolean {
  return (stream as { isTTY?: boolean } | undefined)?.isTTY === true;
}
