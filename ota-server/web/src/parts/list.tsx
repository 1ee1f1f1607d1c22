import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api.ts';

/** A table with a name; where it is empty, a sentence. */
export function List({
  label,
  columns,
  empty,
  children,
  count,
}: {
  label: string;
  columns: readonly string[];
  empty: string;
  children: ComponentChildren;
  count: number;
}) {
  if (count === 0) return <p class="nothing">{empty}</p>;
  return (
    <div class="table-frame">
      <table class="list" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Fault({ error }: { error: ApiError | null }) {
  if (error === null) return null;
  return (
    <p class="nothing" role="alert">
      {error.message} {error.hint}
    </p>
  );
}
