import type { ComponentChildren } from 'preact';
import { useContext, useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { NoticesPlace } from './notices.tsx';

/** A dialog beside the page; Escape, the cross or a press beside it closes it. Its heading has the id `panel-title`. */
export function SidePanel({ onClose, children }: { onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { notices, onPanel } = useContext(NoticesPlace);
  useEffect(() => {
    onPanel(true);
    return () => onPanel(false);
  }, []);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      class="panel"
      aria-labelledby="panel-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="panel-body">
        <button
          type="button"
          class="icon-button panel-close"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
        {children}
      </div>
      {notices}
    </dialog>
  );
}
