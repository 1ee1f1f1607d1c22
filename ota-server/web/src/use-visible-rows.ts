import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { RowRange } from './use-device-pages.ts';

/** Rows beyond the edges of the window, for the keyboard and for quick scrolling. */
const BEYOND = 12;
const ROW_HEIGHT = '--row';

/** Which rows of a table's body are on the screen, and how high each is: all are as high as its style `--row` says, in px. */
export function useVisibleRows(body: RefObject<HTMLElement>, count: number): RowRange & { readonly height: number } {
  const [range, setRange] = useState({ from: 0, to: 40, height: 64 });
  useEffect(() => {
    let frame = 0;
    const measure = (): void => {
      frame = 0;
      const element = body.current;
      if (element === null) return;
      const height = Number.parseFloat(getComputedStyle(element).getPropertyValue(ROW_HEIGHT)) || 64;
      const { top } = element.getBoundingClientRect();
      const from = Math.max(0, Math.floor(-top / height) - BEYOND);
      const to = Math.min(count, Math.ceil((innerHeight - top) / height) + BEYOND);
      setRange((now) =>
        now.from === from && now.to === to && now.height === height ? now : { from, to: Math.max(from, to), height },
      );
    };
    const soon = (): void => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    measure();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [count]);
  return range;
}
