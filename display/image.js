import { createReadStream } from 'node:fs';
import { decodePNGFromStream } from 'pureimage';

export async function loadPng(file) {
  const stream = createReadStream(file);
  const failed = new Promise((_, reject) => stream.once('error', reject));
  const { width, height, data } = await Promise.race([decodePNGFromStream(stream), failed]);
  return { width, height, data };
}
