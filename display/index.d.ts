/** Red, green and blue as `#rgb` or `#rrggbb`. */
export type Color = string;

/** A picture in memory. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** R, G, B, A of each pixel, from the upper left. */
  readonly data: Uint8Array;
}

export interface TextStyle {
  /** Height of a line, in pixels. */
  readonly size: number;
  /** `DejaVu-Sans` (default), `DejaVu-Sans-Bold`, or a font that was loaded. */
  readonly font?: string;
}
export interface TextOptions extends TextStyle {
  readonly x: number;
  /** Where the line stands: letters such as g go below it. */
  readonly y: number;
  /** Default: white. */
  readonly color?: Color;
  /** What of the text stands at `x`. Default: left, its beginning. */
  readonly align?: 'left' | 'center' | 'right';
}
export interface QrCodeOptions {
  readonly x: number;
  readonly y: number;
  /** Width and height with the light border, in pixels. */
  readonly size: number;
  readonly dark?: Color;
  readonly light?: Color;
}

export interface DisplayOptions {
  /** True: draws into memory, also where there is a screen. */
  readonly memory?: boolean;
  /** Size where there is no screen. Default: 1280 × 720. */
  readonly width?: number;
  readonly height?: number;
  /** Frame buffer. Default: `/dev/fb0`, where this runs as an app of a device. */
  readonly device?: string;
  /** What the kernel says of it. Default: `/sys/class/graphics/fb0`. */
  readonly graphics?: string;
}

/** Everything is drawn into memory; `show` brings it onto the screen. Coordinates are pixels from the upper left. */
export interface Display {
  readonly width: number;
  readonly height: number;
  /** False where there is no screen: then `show` has no effect. */
  readonly onScreen: boolean;
  /** The drawing context of the package pureimage, for what is not here: lines, curves, gradients. */
  readonly context: import('pureimage').Context;
  fill(color: Color): void;
  rectangle(x: number, y: number, width: number, height: number, color: Color): void;
  /** @returns width of the text in pixels */
  text(text: string, options: TextOptions): number;
  /** Width that a text would have, in pixels. */
  measure(text: string, style: TextStyle): number;
  image(image: Picture, x: number, y: number, size?: { readonly width?: number; readonly height?: number }): void;
  /**
   * @returns width of one of the code's squares in pixels
   * @throws RangeError where the text does not fit into the size
   */
  qrCode(text: string, options: QrCodeOptions): number;
  /** Writes the rows that have changed since the last time. @returns their number */
  show(): number;
  /** What is drawn, as a PNG. */
  png(): Buffer;
  close(): void;
}

/** @throws Error with code NODEOS_DISPLAY_FORMAT for a screen that has neither 16 nor 32 bits a pixel */
export function openDisplay(options?: DisplayOptions): Display;
/** Loads a TrueType or OpenType font; `name` is what texts are drawn with. */
export function loadFont(name: string, file: string): void;
export function loadPng(file: string): Promise<Picture>;
