import * as z from 'zod';

/** What the kernel says of a frame buffer, below /sys/class/graphics. */
export const screenGeometrySchema = z.strictObject({
  width: z.number().int().min(1).max(16_384),
  height: z.number().int().min(1).max(16_384),
  /** 32: blue, green, red, unused; 16: 5, 6, 5 bits, the low byte first. */
  bitsPerPixel: z.union([z.literal(16), z.literal(32)]),
  /** From the beginning of a row to that of the next. */
  strideBytes: z.number().int().min(2).max(131_072),
});
export type ScreenGeometry = z.infer<typeof screenGeometrySchema>;

/** The whole of an answer; a picture of 4K that is all noise does not fit. */
export const SCREENSHOT_ANSWER_MAX_BYTES = 24 * 1_048_576;

/** POST /device/v1/screenshots/<request>: the frame as it is, deflated (zlib), in base64; or why there is none. */
export const screenshotAnswerSchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('taken'),
    geometry: screenGeometrySchema,
    frame: z.base64().max(SCREENSHOT_ANSWER_MAX_BYTES),
  }),
  z.strictObject({ state: z.literal('none'), reason: z.string().max(1000) }),
]);
export type ScreenshotAnswer = z.infer<typeof screenshotAnswerSchema>;

/** A device's screen while one app has it. */
export const screenStatusSchema = z.strictObject({
  /** App that has the whole machine. */
  kiosk: z.string().max(64),
  /** Device clock, milliseconds since 1970: from then on all of it had one colour; null where it shows something. */
  blankSince: z.number().int().nullable(),
});
export type ScreenStatus = z.infer<typeof screenStatusSchema>;
