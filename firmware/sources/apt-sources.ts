/** Where the host gets Debian from. */
export interface DebianMirrors {
  /** Base URIs that may serve the main archive, in the order of the host's configuration. */
  readonly main: readonly string[];
  /** Base URIs that may serve the security archive. */
  readonly security: readonly string[];
}

/** One line or stanza of an apt source list. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

const DEBIAN_SUITES =
  /^(?:bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable|oldoldstable)(?<pocket>-updates|-security|\/updates)?$/;

/** Reads the one-line format of sources.list(5); options in brackets are skipped, `deb-src` and comments ignored. */
export function parseSourcesList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)(?:\s+(.*))?$/.exec(line);
    if (!match?.[1] || !match[2]) continue;
    sources.push({ uris: [match[1]], suites: [match[2]], components: words(match[3]) });
  }
  return sources;
}

/** Reads the deb822 format of sources.list(5); disabled stanzas and those without `deb` are ignored. */
export function parseSourcesStanzas(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const uncommented = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of uncommented.join('\n').split(/\n\s*\n/)) {
    const fields = parseStanza(stanza);
    if (!words(fields.get('types')).includes('deb') || /^(no|false)$/i.test(fields.get('enabled') ?? '')) continue;
    sources.push({
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
    });
  }
  return sources;
}

/** Fields of one deb822 stanza by lower-case name; continuation lines are joined by a blank. */
export function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let current = '';
  for (const line of stanza.split('\n')) {
    const field = /^([!-9;-~]+):\s*(.*)$/.exec(line);
    if (field?.[1]) {
      current = field[1].toLowerCase();
      fields.set(current, (field[2] ?? '').trim());
    } else if (/^\s/.test(line) && current !== '') {
      fields.set(current, `${fields.get(current) ?? ''} ${line.trim()}`.trim());
    }
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

/**
 * Picks what may be a Debian mirror: component `main` of a suite that is Debian's. Whether it truly is one is decided
 * by the signature of its Release file, never by its name.
 */
export function debianMirrors(sources: readonly AptSource[]): DebianMirrors {
  const main = new Set<string>();
  const security = new Set<string>();
  for (const source of sources) {
    if (!source.components.includes('main')) continue;
    for (const suite of source.suites) {
      const match = DEBIAN_SUITES.exec(suite);
      if (!match) continue;
      const pocket = match.groups?.pocket;
      const target = pocket === '-security' || pocket === '/updates' ? security : main;
      for (const uri of source.uris) if (!uri.startsWith('cdrom:')) target.add(uri.replace(/\/+$/, ''));
    }
  }
  return { main: [...main], security: [...security] };
}

/**
 * The host's settings for reaching mirrors (proxies, time-outs, certificates), from `apt-config dump`, without its
 * hooks and without anything that would loosen the checks of signatures.
 */
export function transportSettings(dump: string): string[] {
  const wanted =
    /^Acquire::(?:https?|ftp|tor\+https?|socks|proxy|proxyautodetect|retries|forceipv[46]|check-date|check-valid-until|max-.*|by-hash)(?:::\S*)? "/i;
  return dump.split('\n').filter((line) => wanted.test(line) && line.endsWith(';'));
}
