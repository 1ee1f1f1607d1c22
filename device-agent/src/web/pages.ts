import type { WebApp } from './routes.ts';

const STYLE =
  'body{font:1.1em/1.5 system-ui,sans-serif;max-width:40em;margin:15vh auto 0;padding:0 1em;color:#222;background:#fafafa}' +
  'h1{font-size:1.3em}a{color:inherit}li{margin:.5em 0}small{color:#666}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}small{color:#999}}';

/** The apps of the device; the way to each is its path, which works with whatever name led here. */
export function indexPage(device: string, apps: Iterable<WebApp>): string {
  const items = [...apps].map(
    ({ user, description }) =>
      `<li><a href="/${user}/">${toHtml(user)}</a>${description === '' ? '' : ` <small>${toHtml(description)}</small>`}`,
  );
  return page(device, items.length > 0 ? `<ul>${items.join('')}</ul>` : '<p>No app is to be seen here.</p>');
}

/** For whoever waits in front of a browser while an app starts or is started again: it looks again by itself. */
export function absentPage(user: string): string {
  const text = '<p>It does not answer at the moment. This page looks again every few seconds.</p>';
  return page(user, text, '<meta http-equiv="refresh" content="5">');
}

export function nowherePage(name: string): string {
  return page(
    'Nothing here',
    `<p>This device has no app ${toHtml(name.slice(0, 64))} to show. <a href="/">What it has</a></p>`,
  );
}

export function refusalPage(): string {
  return page('Not understood', '<p>The device cannot make sense of this request.</p>');
}

function page(title: string, body: string, head = ''): string {
  const meta = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${head}`;
  return `<!doctype html><html lang="en"><head>${meta}<title>${toHtml(title)}</title><style>${STYLE}</style></head><body><h1>${toHtml(title)}</h1>${body}</body></html>\n`;
}

function toHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
