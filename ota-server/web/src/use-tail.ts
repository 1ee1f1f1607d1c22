import { type MutableRef, useLayoutEffect, useRef } from 'preact/hooks';

/** So far from the end a pane still counts as read to its end. */
const NEAR_PIXELS = 24;

/** Keeps the end of a growing pane in sight, unless the reader has scrolled up; `content` changes as it grows. */
export function useTail(content: unknown): { ref: MutableRef<HTMLDivElement | null>; onScroll: () => void } {
  const ref = useRef<HTMLDivElement | null>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    if (ref.current !== null && follows.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [content]);
  const onScroll = (): void => {
    const pane = ref.current;
    if (pane !== null) follows.current = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_PIXELS;
  };
  return { ref, onScroll };
}
