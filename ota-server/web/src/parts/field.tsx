import type { JSX } from 'preact';

type Attributes = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange' | 'placeholder' | 'aria-label'>;

/** One line to type into; `label` is its name, `hint` what stands in it while it is empty. */
export function Field({
  label,
  hint,
  value,
  onChange,
  ...attributes
}: { label: string; hint: string; value: string; onChange: (text: string) => void } & Attributes) {
  return (
    <input
      aria-label={label}
      placeholder={hint}
      value={value}
      onInput={(event) => onChange(event.currentTarget.value)}
      {...attributes}
    />
  );
}

/** One of a few values, each with what people read. */
export function Choice<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value as Value)}>
      {options.map(([each, text]) => (
        <option key={each} value={each}>
          {text}
        </option>
      ))}
    </select>
  );
}
