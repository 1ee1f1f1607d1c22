import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { sinceText, splitReason, type Tone, timeText } from '../words.ts';
import { Icon } from './icon.tsx';

/** A state in a word with its colour; the word alone is enough to understand it. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

/** Whom a release is for. */
export function Channel({ of: channel }: { of: string | null }) {
  return channel === null ? <span class="faint">all devices</span> : <span class="channel">{channel}</span>;
}

/** How far something is; `label` says what. */
export function Progress({ percent, tone, label }: { percent: number; tone: Tone; label: string }) {
  return (
    <span
      class={`progress ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <i style={{ width: `${percent}%` }} />
    </span>
  );
}

/** A time as distance from now, which goes on; the exact time is its title. */
export function Ago({ at }: { at: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={timeText(at)}>
      {sinceText(at, now)}
    </time>
  );
}

/** The current time, one tick a second. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** `CODE: sentence`, the code set apart. */
export function Reason({ reason }: { reason: string }) {
  const { code, text } = splitReason(reason);
  return (
    <span class="reason">
      {code !== null && <code>{code}</code>} {text}
    </span>
  );
}

export function Tags({ of: tags }: { of: readonly string[] }) {
  return tags.map((tag) => (
    <span key={tag} class="tag">
      {tag}
    </span>
  ));
}

/** A command to run, with a button that copies it. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard?.writeText(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      },
      () => undefined,
    );
  };
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="icon-button" aria-label={copied ? 'Copied' : `Copy: ${text}`} onClick={copy}>
        <Icon name={copied ? 'check' : 'copy'} />
      </button>
    </span>
  );
}

/** What stands where nothing is yet: what it would be, and the next commands. */
export function Empty({
  title,
  children,
  commands,
}: {
  title: string;
  children: ComponentChildren;
  commands: readonly (readonly [string, string])[];
}) {
  return (
    <section class="empty">
      <h1>{title}</h1>
      <p>{children}</p>
      <ol>
        {commands.map(([what, command]) => (
          <li key={command}>
            <span>{what}</span>
            <Command text={command} />
          </li>
        ))}
      </ol>
    </section>
  );
}

/** A button that asks once more before it acts. */
export function ConfirmButton({
  label,
  question,
  onConfirm,
  tone,
}: {
  label: string;
  question: string;
  onConfirm: () => void;
  tone?: 'bad';
}) {
  const [asking, setAsking] = useState(false);
  if (!asking)
    return (
      <button type="button" class={`button ${tone ?? ''}`} onClick={() => setAsking(true)}>
        {label}
      </button>
    );
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would not sit in a row of buttons
    <span class="confirm" role="group" aria-label={question}>
      <span>{question}</span>
      <button
        type="button"
        class={`button solid ${tone ?? ''}`}
        ref={(element) => element?.focus()}
        onClick={() => {
          setAsking(false);
          onConfirm();
        }}
      >
        {label}
      </button>
      <button type="button" class="button" onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
}
