const COLOURS = { background: '#10202c', title: '#ffffff', text: '#b8ccd8', clock: '#f2b84b' };
const TITLE_FONT = 'DejaVu-Sans-Bold';

export function secondsShown(now) {
  return now.toTimeString().slice(0, 8);
}

/**
 * Draws the whole sign. All sizes follow from the screen's own.
 * @param sign `title`, `text` (lines), `link` (as a QR code; empty: none), `clock`
 */
export function drawSign(display, sign, now) {
  const { width, height } = display;
  const margin = Math.round(height / 12);
  const codeSize = Math.round(height / 3);
  display.fill(COLOURS.background);

  const title = fitting(display, sign.title, height / 6, width - 2 * margin, TITLE_FONT);
  const titleLine = margin + title;
  display.text(sign.title, { x: margin, y: titleLine, size: title, color: COLOURS.title, font: TITLE_FONT });
  display.rectangle(margin, titleLine + margin / 2, width / 8, Math.max(2, height / 200), COLOURS.clock);

  const lines = sign.text.split('\n');
  const longest = Math.min(...lines.map((line) => fitting(display, line, height / 16, width - 2 * margin)));
  for (const [index, line] of lines.entries())
    display.text(line, {
      ...{ x: margin, y: titleLine + 1.5 * margin + (index + 0.5) * longest * 1.5 },
      ...{ size: longest, color: COLOURS.text },
    });

  const size = Math.round(height / 8);
  if (sign.clock) display.text(secondsShown(now), { x: margin, y: height - margin, size, color: COLOURS.clock });
  if (sign.link)
    display.qrCode(sign.link, { x: width - margin - codeSize, y: height - margin - codeSize, size: codeSize });
}

/** The size, or less where the text would be too wide. */
function fitting(display, text, size, width, font) {
  const wide = display.measure(text, { size, font });
  return Math.floor(wide > width ? (size * width) / wide : size);
}
