import { join } from 'node:path';
import { runTool } from '@nodeos/firmware/run-tool.ts';

/** First byte of slot a, as every Raspberry Pi image has it. */
const SLOT = '36M';
const TREE = '::/bcm2837-rpi-3-b.dtb';
/**
 * What QEMU's machine shows from its start (hw/display/bcm2835_fb.c): 640 × 480 pixels of 16 bits, 1 MiB into the 64 MiB
 * at the end of its memory that are the graphics processor's.
 */
const SCREEN = { address: 0x3c10_0000, width: 640, height: 480, bytesAPixel: 2 } as const;

/**
 * The Pi's firmware tells the system where it has set up a screen, as `/chosen/framebuffer@…` (Linux kernel,
 * Documentation/devicetree/bindings/display/simple-framebuffer.yaml); the emulated machine has the screen, and nobody who
 * tells of it: so the device tree on the card does.
 */
export async function tellOfScreen(image: string, folder: string): Promise<void> {
  const tree = join(folder, 'screen.dtb');
  const slot = `${image}@@${SLOT}`;
  await runTool('mcopy', ['-n', '-o', '-i', slot, TREE, tree]);
  const { address, width, height, bytesAPixel } = SCREEN;
  const node = `/chosen/framebuffer@${address.toString(16)}`;
  const stride = width * bytesAPixel;
  const numbers: readonly (readonly [node: string, property: string, values: readonly number[]])[] = [
    ['/chosen', '#address-cells', [1]],
    ['/chosen', '#size-cells', [1]],
    [node, 'reg', [address, stride * height]],
    [node, 'width', [width]],
    [node, 'height', [height]],
    [node, 'stride', [stride]],
  ];
  for (const [place, property, values] of numbers)
    await runTool('fdtput', ['-p', '-t', 'u', tree, place, property, ...values.map(String)]);
  await runTool('fdtput', ['-t', 'x', tree, '/chosen', 'ranges']);
  await runTool('fdtput', ['-t', 's', tree, node, 'compatible', 'simple-framebuffer']);
  await runTool('fdtput', ['-t', 's', tree, node, 'format', 'r5g6b5']);
  await runTool('mcopy', ['-n', '-o', '-i', slot, tree, TREE]);
}
