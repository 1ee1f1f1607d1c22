/** Which devices an action is for: all that fit what is looked for, or those that were chosen one by one. */
export interface Selection {
  readonly all: boolean;
  readonly ids: ReadonlySet<string>;
}
export const NO_SELECTION: Selection = { all: false, ids: new Set() };

export const isSelected = ({ all, ids }: Selection, id: string): boolean => all || ids.has(id);

export function toggled({ ids }: Selection, id: string): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { all: false, ids: next };
}
