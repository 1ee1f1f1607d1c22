/** A block of commands in a document: ```` ```sh role ````. */
export interface CommandBlock {
  /** The word after `sh`; empty for commands that end by themselves. */
  readonly role: string;
  readonly commands: readonly string[];
}

/** The command blocks of a Markdown text in their order, comments and empty lines left out. */
export function commandBlocks(markdown: string): CommandBlock[] {
  return [...markdown.matchAll(/^```sh *(\S*)\n([\s\S]*?)^```$/gm)].map(([, role = '', text = '']) => ({
    role,
    commands: text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')),
  }));
}
