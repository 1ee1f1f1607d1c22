const KEPT_LINES = 32;

/**
 * Looks at the end of QEMU's log after each line, and calls back when the guest has restarted the machine by a part
 * that QEMU lacks; what was said before that is forgotten.
 * @param pattern regular expression for the last lines, each ended by a line feed
 */
export function onResetNotes(pattern: string, reset: () => void): (line: string) => void {
  const expression = new RegExp(pattern);
  let lines: string[] = [];
  return (line) => {
    lines = [...lines.slice(1 - KEPT_LINES), line];
    if (!expression.test(`${lines.join('\n')}\n`)) return;
    lines = [];
    reset();
  };
}
