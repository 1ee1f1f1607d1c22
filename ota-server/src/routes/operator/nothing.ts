import * as z from 'zod';

/** Body of a request that needs none. */
export const nothingSchema = z.union([z.strictObject({}), z.undefined(), z.null()]);
