/** Part of the JavaScript engine, but of no type library that suits a program without a browser. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const PAGE_BYTES = 65_536;

/**
 * Buffers that each begin on a page, as direct I/O demands: a WebAssembly memory is a mapping of its own, while Node's
 * own buffers begin anywhere.
 * @param bytes of each; a multiple of 4096
 */
export function alignedBuffers(count: number, bytes: number): Buffer[] {
  const pages = Math.ceil((count * bytes) / PAGE_BYTES);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Array.from({ length: count }, (_, index) => Buffer.from(buffer, index * bytes, bytes));
}
