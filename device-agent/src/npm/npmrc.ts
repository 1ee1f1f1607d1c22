/**
 * Reads the settings of an `.npmrc`: lines `name = value`, comments after `#` or `;`, `${NAME}` from the environment, as
 * npm documents the file (npmrc(5)). Lists (`name[] =`) are of no use here.
 */
export function parseNpmrc(text: string, env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([^#;\s=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    settings[name] = value.replace(/^"(.*)"$/, '$1').replace(/\$\{(\w+)\}/g, (whole, key) => env[key] ?? whole);
  }
  return settings;
}
