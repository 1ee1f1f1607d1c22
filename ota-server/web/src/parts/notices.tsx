import { type ComponentChildren, createContext } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { Icon } from './icon.tsx';

export interface Notice {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly title: string;
  readonly text: string;
}
export interface Notify {
  done(title: string): void;
  error(error: unknown): void;
}

/** Where the messages stand: in the page, or in the panel that is open, as nothing beside it can be seen or reached. */
export const NoticesPlace = createContext<{
  readonly notices: ComponentChildren;
  /** A panel has opened or closed. */
  readonly onPanel: (open: boolean) => void;
}>({ notices: null, onPanel: () => undefined });

let last = 0;

/** Short messages in the corner: done ones leave by themselves, errors stay until they are read. */
export function useNotices(): [readonly Notice[], Notify, (id: number) => void] {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const dismiss = (id: number): void => setNotices((now) => now.filter((notice) => notice.id !== id));
  const notify = useMemo<Notify>(() => {
    const add = (notice: Omit<Notice, 'id'>): number => {
      last += 1;
      const id = last;
      setNotices((now) => [...now.slice(-3), { ...notice, id }]);
      return id;
    };
    return {
      done: (title) => {
        const id = add({ tone: 'good', title, text: '' });
        setTimeout(() => dismiss(id), 4000);
      },
      error: (error) => {
        const known = error instanceof ApiError ? error : new ApiError('INTERNAL', String(error), '');
        add({ tone: 'bad', title: known.message, text: known.hint });
      },
    };
  }, []);
  return [notices, notify, dismiss];
}

export function Notices({ notices, onDismiss }: { notices: readonly Notice[]; onDismiss: (id: number) => void }) {
  return (
    <div class="notices" aria-live="polite" role="status">
      {notices.map((notice) => (
        <div key={notice.id} class={`notice ${notice.tone}`}>
          <div>
            <strong>{notice.title}</strong>
            {notice.text !== '' && <p>{notice.text}</p>}
          </div>
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss this message"
            onClick={() => onDismiss(notice.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
