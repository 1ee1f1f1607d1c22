/** syslog's levels, RFC 5424 section 6.2.1, by number; `info` is what a line without a level has. */
const NAMES = ['emergency', 'alert', 'critical', 'error', 'warn', 'notice', 'info', 'debug'] as const;

export interface LevelledLine {
  readonly level: (typeof NAMES)[number];
  /** Without the number. */
  readonly text: string;
}

/** Reads the number that a program may put before a line, as for systemd: `<4>disk is nearly full`. */
export function parseLevel(line: string): LevelledLine {
  const number = /^<([0-7])>/.exec(line)?.[1];
  return number === undefined
    ? { level: 'info', text: line }
    : { level: NAMES[Number(number)] as LevelledLine['level'], text: line.slice(3) };
}

/** The line as it is kept and shown: an ordinary one as it is, any other with its level in words. */
export function showLevel({ level, text }: LevelledLine): string {
  return level === 'info' ? text : `[${level}] ${text}`;
}
