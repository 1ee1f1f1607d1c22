interface Filter {
  readonly name: string;
  readonly count: number;
}

/** What of a list is shown: one of a few filters, each with how many fit it. */
export function FilterChips({
  filters,
  chosen,
  onChoose,
}: {
  filters: readonly Filter[];
  chosen: string;
  onChoose: (name: string) => void;
}) {
  return (
    <div class="filters" role="toolbar" aria-label="Show">
      {filters.map(({ name, count }) => (
        <button type="button" key={name} class="chip" aria-pressed={name === chosen} onClick={() => onChoose(name)}>
          {name} <span class="count">{count}</span>
        </button>
      ))}
    </div>
  );
}
