import type { Generated, GeneratedAlways } from 'kysely';

/** Tables that no fleet owns. */
export interface ServerTables {
  settings: { name: string; value: string };
  fleets: { id: string; name: string; created_at: number };
  users: UserRow;
  memberships: { fleet: string; user: string; role: string };
  api_tokens: ApiTokenRow & { fleet: string };
  sessions: {
    hash: string;
    user: string | null;
    fleet: string;
    address: string;
    created_at: number;
    expires_at: number;
  };
  devices: { fleet: string; id: string };
  claim_tokens: { fleet: string; token: string };
}

/**
 * Rows of a fleet as the databases hold them: JSON in text, truth values as 0 and 1. Each table has a column `fleet` beside
 * these, which only `FleetScope` writes and compares.
 */
export interface Tables {
  /** Shared by all fleets: a fleet's query may join it, and sees of it its own members only. */
  users: UserRow;
  memberships: { user: string; role: string };
  api_tokens: ApiTokenRow;
  registrations: { serial: string; tags: string; approve: number; created_at: number; device: string | null };
  removed_devices: { id: string; at: number };
  network_hardware: { mac: string; device: string };
  /** `level`: 0 the fleet, 1 a group, 2 a device; `name` says which. */
  app_configurations: { app: string; level: number; name: string; settings: string; changed_at: number };
  webhooks: { id: string; url: string; topics: string; secret: string; created_at: number };
  webhook_states: { key: string; state: string };
  webhook_deliveries: {
    id: string;
    webhook: string;
    type: string;
    state: string;
    attempts: number;
    status: number | null;
    reason: string | null;
    created_at: number;
    next_at: number | null;
    body: string;
  };
  audit: {
    sequence: number;
    at: number;
    actor: string;
    address: string;
    action: string;
    target: string;
    outcome: string;
    details: string;
    previous: string;
    hash: string;
  };
  fleet_blobs: { sha256: string };
  claim_tokens: {
    token: string;
    uses: number | null;
    used: number;
    expires_at: number | null;
    tags: string;
    auto_approve: number;
    approve_only: string | null;
    created_at: number;
  };
  devices: DeviceRow;
  desired_states: { device: string; desired: string };
  events: { device: string; at: number; kind: string; text: string };
  /** `slot`: which interval of the day it is. */
  metrics: {
    device: string;
    slot: number;
    at: number;
    memory_available_kib: number;
    storage_free_kib: number | null;
    load: number;
    temperature: number | null;
    event_loop_delay_ms: number | null;
  };
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
    rollout: string;
    state: string;
    reason: string | null;
    wave: number;
    approved_wave: number;
    created_at: number;
    ended_at: number | null;
  };
  assignments: AssignmentRow;
  groups: { name: string; query: string | null; devices: string; window: string; created_at: number };
}

export interface AssignmentRow {
  deployment: string;
  device: string;
  state: string;
  percent: number | null;
  reason: string | null;
  generation: number;
  wave: number;
  attempts: number;
  not_before: number | null;
  since: number;
  released_at: number | null;
  previous: string | null;
  past: number;
}

export interface UserRow {
  name: string;
  password: string;
  server: number;
  created_at: number;
}

export interface ApiTokenRow {
  id: string;
  hash: string;
  name: string;
  user: string | null;
  scopes: string;
  created_at: number;
  expires_at: number | null;
  last_used: number | null;
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
  pins: string;
  /** Those of the report: the database sees to it. */
  apps: GeneratedAlways<string | null>;
}
