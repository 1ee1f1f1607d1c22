interface ChoiceProps<K extends string> {
  readonly label: string;
  readonly choices: Readonly<Record<K, { readonly label: string }>>;
  readonly value: K;
  readonly onChoice: (value: K) => void;
}

/** One of a few, under its label. */
export function Choice<K extends string>({ label, choices, value, onChoice }: ChoiceProps<K>) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChoice(event.currentTarget.value as K)}>
        {(Object.keys(choices) as K[]).map((key) => (
          <option key={key} value={key}>
            {choices[key].label}
          </option>
        ))}
      </select>
    </label>
  );
}
