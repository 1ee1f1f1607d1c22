/** How an app may be reached, as its settings and the grant of a user say it. */
export interface AppReach {
  readonly ports?: readonly number[] | undefined;
  readonly web?: boolean | undefined;
  readonly forward?: Readonly<Record<string, number>> | undefined;
}

/** What the device is to lead to must be there. @returns what is wrong, of the fields by name; null: nothing */
export function reachFault({ web, forward = {}, ports = [] }: AppReach): string | null {
  if (web && ports.length === 0) return 'web leads to the first of ports, and there is none';
  for (const [outside, inside] of Object.entries(forward)) {
    if (!ports.includes(inside)) return `forward leads to port ${inside}, which ports does not name`;
    if (ports.includes(Number(outside))) return `forward opens port ${outside}, which ports names too`;
  }
  return null;
}
