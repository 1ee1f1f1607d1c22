import type { Role, Scope } from '@nodeos/contracts/access.ts';

export interface UserRecord {
  readonly name: string;
  /** Hash in the form of `hashPassword`. */
  readonly password: string;
  /** Administrator of every fleet. */
  readonly server: boolean;
  readonly createdAt: number;
}
export interface SessionRecord {
  /** SHA-256 of the cookie's secret, hex. */
  readonly hash: string;
  /** Null for one that was opened with the operator token. */
  readonly user: string | null;
  readonly fleet: string;
  readonly address: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}
export interface ApiTokenRecord {
  readonly id: string;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly name: string;
  readonly user: string | null;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsed: number | null;
}
export interface Membership {
  readonly fleet: string;
  readonly role: Role;
}
export interface Member {
  readonly user: string;
  readonly role: Role;
  readonly server: boolean;
  readonly createdAt: number;
}

/** People of the whole server: who signs in, and where they may go. */
export interface Accounts {
  /** @throws Error where the name is taken */
  addUser(user: UserRecord): Promise<void>;
  getUser(name: string): Promise<UserRecord | null>;
  /** Its memberships, sessions and API tokens go with it. */
  removeUser(name: string): Promise<void>;
  setPassword(name: string, password: string): Promise<void>;
  hasUsers(): Promise<boolean>;
  memberships(user: string): Promise<Membership[]>;

  addSession(session: SessionRecord): Promise<void>;
  /** Null where there is none or its time is over. */
  getSession(hash: string, now: number): Promise<SessionRecord | null>;
  /** Of one user; of the operator token for null. */
  listSessions(user: string | null, now: number): Promise<SessionRecord[]>;
  setSessionFleet(hash: string, fleet: string): Promise<void>;
  removeSession(hash: string): Promise<void>;

  /** A token by its hash, with its fleet; null where there is none or its time is over. */
  findApiToken(hash: string, now: number): Promise<(ApiTokenRecord & { readonly fleet: string }) | null>;
  apiTokenUsed(id: string, at: number): Promise<void>;
}

/** People and API tokens of one fleet. */
export interface FleetPeople {
  listMembers(): Promise<Member[]>;
  getMember(user: string): Promise<Member | null>;
  setMember(user: string, role: Role): Promise<void>;
  /** The user's API tokens of this fleet go with the membership. */
  removeMember(user: string): Promise<void>;
  addApiToken(token: ApiTokenRecord): Promise<void>;
  /** Newest first. */
  listApiTokens(): Promise<ApiTokenRecord[]>;
  removeApiToken(id: string): Promise<void>;
}
