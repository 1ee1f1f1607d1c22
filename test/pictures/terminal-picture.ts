interface Cell {
  readonly character: string;
  readonly foreground: string;
  readonly background: string | null;
  readonly bold: boolean;
}
type Style = Omit<Cell, 'character'>;

const PLAIN: Style = { foreground: '#d6dae0', background: null, bold: false };
const BACKGROUND = '#14181f';
const COLOURS: Readonly<Record<number, string>> = { 30: '#000000', 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341' };
const [CELL_WIDTH, CELL_HEIGHT, MARGIN] = [8, 18, 16];

/** What a terminal shows after a program has written this: the sequences that our programs use, and no others. */
function play(output: string): Cell[][] {
  const rows: Cell[][] = [[]];
  let [row, column, style] = [0, 0, PLAIN];
  const line = (): Cell[] => {
    while (rows.length <= row) rows.push([]);
    return rows[row] as Cell[];
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  for (const [text, parameters, command] of output.matchAll(/\x1b\[([0-9;?]*)([A-Za-z])|./gsu)) {
    const number = Number(parameters || 0);
    if (command === undefined) {
      if (text === '\n') row++;
      else if (text === '\r') column = 0;
      else if (text >= ' ') {
        const cells = line();
        while (cells.length < column) cells.push({ character: ' ', ...PLAIN });
        cells[column++] = { character: text, ...style };
      }
    } else if (command === 'm') style = restyle(style, parameters ?? '');
    else if (command === 'G') column = Math.max(1, number) - 1;
    else if (command === 'K') line().splice(number === 2 ? 0 : column);
    else if (command === 'J') {
      line().splice(column);
      rows.splice(row + 1);
    }
  }
  while (rows.at(-1)?.length === 0) rows.pop();
  return rows;
}

function restyle(before: Style, parameters: string): Style {
  let style = before;
  for (const code of parameters.split(';').map(Number)) {
    if (code === 0) style = PLAIN;
    else if (code === 1) style = { ...style, bold: true };
    else if (code === 47) style = { ...style, background: '#ffffff' };
    else style = { ...style, foreground: COLOURS[code] ?? style.foreground };
  }
  return style;
}

/** A picture of a terminal, as SVG text; the same output gives the same picture. */
export function terminalPicture(output: string): string {
  const rows = play(output);
  const columns = Math.max(80, ...rows.map((cells) => cells.length));
  const [width, height] = [columns * CELL_WIDTH + 2 * MARGIN, rows.length * CELL_HEIGHT + 2 * MARGIN];
  const shapes = rows.flatMap((cells, row) => drawRow(cells, MARGIN + row * CELL_HEIGHT));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>What a terminal shows</title>',
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    '<g font-family="ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="13">',
    ...shapes,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function drawRow(cells: readonly Cell[], top: number): string[] {
  const shapes: string[] = [];
  for (let from = 0; from < cells.length; ) {
    const first = cells[from] as Cell;
    let to = from + 1;
    while (to < cells.length && sameStyle(first, cells[to] as Cell)) to++;
    const run = cells.slice(from, to);
    const left = MARGIN + from * CELL_WIDTH;
    if (first.background !== null) shapes.push(...drawBlocks(run, left, top));
    else shapes.push(drawText(run, left, top));
    from = to;
  }
  return shapes.filter((shape) => shape !== '');
}

function drawText(run: readonly Cell[], left: number, top: number): string {
  const text = run.map(({ character }) => character).join('');
  if (text.trim() === '') return '';
  const { foreground, bold } = run[0] as Cell;
  const weight = bold ? ' font-weight="bold"' : '';
  const length = ` textLength="${run.length * CELL_WIDTH}" lengthAdjust="spacingAndGlyphs"`;
  return `<text x="${left}" y="${top + 13}" fill="${foreground}"${weight}${length}>${escapeXml(text)}</text>`;
}

/** Half blocks as rectangles: a font's own would leave gaps, in which no reader finds a code. */
function drawBlocks(run: readonly Cell[], left: number, top: number): string[] {
  const half = CELL_HEIGHT / 2;
  const rectangle = (x: number, y: number, width: number, height: number, fill: string): string =>
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}" shape-rendering="crispEdges"/>`;
  const { foreground, background } = run[0] as Cell;
  const blocks = run.flatMap(({ character }, index) => {
    const x = left + index * CELL_WIDTH;
    if (character === '█') return [rectangle(x, top, CELL_WIDTH, CELL_HEIGHT, foreground)];
    if (character === '▀') return [rectangle(x, top, CELL_WIDTH, half, foreground)];
    return character === '▄' ? [rectangle(x, top + half, CELL_WIDTH, half, foreground)] : [];
  });
  return [rectangle(left, top, run.length * CELL_WIDTH, CELL_HEIGHT, background as string), ...blocks];
}

function sameStyle(one: Cell, other: Cell): boolean {
  return one.foreground === other.foreground && one.background === other.background && one.bold === other.bold;
}

function escapeXml(text: string): string {
  // Plain spaces that follow each other would become one.
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');
}
