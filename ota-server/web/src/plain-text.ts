/** ECMA-48: control sequences, strings that are ended by BEL or ST, other escapes; then controls that no page shows. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\0-\x08\x0b-\x1f\x7f-\x9f]/g;
/** The beginning of a sequence whose end has not come yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFINISHED = /(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[\]PX^_][^\x07\x1b]*\x1b?|\x1b[ -/]*)$/;
const UNFINISHED_MAX_CHARACTERS = 4096;

/** A terminal's text without colours, cursor moves and other control characters; line ends and tabs stay. */
export const plainText = (text: string): string => text.replaceAll(SEQUENCES, '');

/** `plainText` of a stream: what is cut in two between its parts is put together first. */
export function plainTextStream(): (part: string) => string {
  let rest = '';
  return (part) => {
    const text = rest + part;
    rest = UNFINISHED.exec(text)?.[0] ?? '';
    // Whoever never ends a sequence would otherwise hold back the rest for ever.
    if (rest.length > UNFINISHED_MAX_CHARACTERS) rest = '';
    return plainText(text.slice(0, text.length - rest.length));
  };
}
