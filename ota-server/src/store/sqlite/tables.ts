import type { Generated } from 'kysely';

/** Rows as SQLite holds them: JSON in text, truth values as 0 and 1. */
export interface Tables {
  settings: { name: string; value: string };
  sessions: { hash: string; expires_at: number };
  claim_tokens: {
    token: string;
    uses: number | null;
    used: number;
    expires_at: number | null;
    tags: string;
    auto_approve: number;
    created_at: number;
  };
  devices: DeviceRow;
  events: { device: string; at: number; kind: string; text: string };
  updates: { device: string; target: string; deployment: string; at: number; status: string };
  releases: {
    target: string;
    kind: string;
    name: string;
    version: string;
    bytes: number;
    sha256: string;
    published_at: number;
    custom: string;
    listed: number;
  };
  deployments: {
    sequence: Generated<number>;
    id: string;
    target: string;
    kind: string;
    name: string;
    version: string;
    destination: string;
    state: string;
    created_at: number;
    ended_at: number | null;
  };
  assignments: {
    deployment: string;
    device: string;
    state: string;
    percent: number | null;
    reason: string | null;
    generation: number;
  };
}

export interface DeviceRow {
  id: string;
  serial: string;
  board: string;
  state: string;
  tags: string;
  public_key: string;
  certificate: string | null;
  system_version: string;
  last_seen: number | null;
  created_at: number;
  report: string | null;
  desired: string;
}
