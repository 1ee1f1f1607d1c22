import type { ComponentChildren } from 'preact';

/** A part of a page under a heading of its own; `action` stands beside the heading. */
export function Block({
  id,
  title,
  action,
  children,
}: {
  id: string;
  title: string;
  action?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="block" aria-labelledby={id}>
      <div class="block-head">
        <h2 id={id}>{title}</h2>
        {action}
      </div>
      {children}
    </section>
  );
}
