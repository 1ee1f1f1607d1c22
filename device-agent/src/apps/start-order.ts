/** What an app is started after, by name. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

/**
 * The apps of `named` that an app must wait for: those it depends on that are there and do not, by way of whatever
 * others, depend on it in turn. Of two that wait for one another neither waits.
 */
export function waitsFor(app: string, dependencies: Dependencies): string[] {
  return (dependencies.get(app) ?? []).filter((name) => dependencies.has(name) && !reaches(name, app, dependencies));
}

function reaches(from: string, to: string, dependencies: Dependencies): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(dependencies.get(name) ?? []));
  }
  return false;
}

/** Groups of apps in the order in which they are stopped: none before those that depend on it. */
export function stopGroups(dependencies: Dependencies): string[][] {
  const groups: string[][] = [];
  let left = [...dependencies.keys()];
  while (left.length > 0) {
    const needed = new Set(left.flatMap((name) => waitsFor(name, dependencies)));
    const free = left.filter((name) => !needed.has(name));
    groups.push(free);
    left = left.filter((name) => needed.has(name));
  }
  return groups;
}
