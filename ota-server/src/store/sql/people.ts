import type { Role } from '@nodeos/contracts/access.ts';
import type { Kysely } from 'kysely';
import type {
  Accounts,
  ApiTokenRecord,
  FleetPeople,
  Member,
  Membership,
  SessionRecord,
  UserRecord,
} from '../people.ts';
import type { ServerTables, Tables } from './tables.ts';

export class SqlAccounts implements Accounts {
  readonly #db: Kysely<ServerTables>;

  constructor(db: Kysely<ServerTables>) {
    this.#db = db;
  }

  async addUser({ name, password, server, createdAt }: UserRecord): Promise<void> {
    const row = { name, password, server: server ? 1 : 0, created_at: createdAt };
    await this.#db.insertInto('users').values(row).execute();
  }

  async getUser(name: string): Promise<UserRecord | null> {
    const row = await this.#db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) return null;
    return { name, password: row.password, server: row.server === 1, createdAt: row.created_at };
  }

  async removeUser(name: string): Promise<void> {
    await this.#db.deleteFrom('users').where('name', '=', name).execute();
  }

  async setPassword(name: string, password: string): Promise<void> {
    await this.#db.updateTable('users').set({ password }).where('name', '=', name).execute();
  }

  async hasUsers(): Promise<boolean> {
    return (await this.#db.selectFrom('users').select('name').limit(1).executeTakeFirst()) !== undefined;
  }

  async memberships(user: string): Promise<Membership[]> {
    const query = this.#db.selectFrom('memberships').select(['fleet', 'role']).where('user', '=', user);
    return (await query.orderBy('fleet').execute()).map(({ fleet, role }) => ({ fleet, role: role as Role }));
  }

  async addSession({ hash, user, fleet, address, createdAt, expiresAt }: SessionRecord): Promise<void> {
    // Nobody asks for those whose time is over: they would stay for ever.
    await this.#db.deleteFrom('sessions').where('expires_at', '<=', createdAt).execute();
    const row = { hash, user, fleet, address, created_at: createdAt, expires_at: expiresAt };
    await this.#db.insertInto('sessions').values(row).execute();
  }

  async getSession(hash: string, now: number): Promise<SessionRecord | null> {
    const query = this.#db.selectFrom('sessions').selectAll().where('hash', '=', hash);
    const row = await query.where('expires_at', '>', now).executeTakeFirst();
    return row === undefined ? null : sessionFromRow(row);
  }

  async listSessions(user: string | null, now: number): Promise<SessionRecord[]> {
    const all = this.#db.selectFrom('sessions').selectAll().where('expires_at', '>', now).orderBy('created_at', 'desc');
    const query = user === null ? all.where('user', 'is', null) : all.where('user', '=', user);
    return (await query.execute()).map(sessionFromRow);
  }

  async setSessionFleet(hash: string, fleet: string): Promise<void> {
    await this.#db.updateTable('sessions').set({ fleet }).where('hash', '=', hash).execute();
  }

  async removeSession(hash: string): Promise<void> {
    await this.#db.deleteFrom('sessions').where('hash', '=', hash).execute();
  }

  async findApiToken(hash: string, now: number): Promise<(ApiTokenRecord & { fleet: string }) | null> {
    const row = await this.#db
      .selectFrom('api_tokens')
      .selectAll()
      .where('hash', '=', hash)
      .where((expression) => expression.or([expression('expires_at', 'is', null), expression('expires_at', '>', now)]))
      .executeTakeFirst();
    return row === undefined ? null : { ...tokenFromRow(row), fleet: row.fleet };
  }

  async apiTokenUsed(id: string, at: number): Promise<void> {
    await this.#db.updateTable('api_tokens').set({ last_used: at }).where('id', '=', id).execute();
  }
}

export class SqlFleetPeople implements FleetPeople {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async listMembers(): Promise<Member[]> {
    return (await this.#members().execute()).map(memberFromRow);
  }

  async getMember(user: string): Promise<Member | null> {
    const row = await this.#members().where('memberships.user', '=', user).executeTakeFirst();
    return row === undefined ? null : memberFromRow(row);
  }

  async setMember(user: string, role: Role): Promise<void> {
    await this.#db
      .insertInto('memberships')
      .values({ user, role })
      .onConflict((conflict) => conflict.columns(['user']).doUpdateSet({ role }))
      .execute();
  }

  async removeMember(user: string): Promise<void> {
    await this.#db.deleteFrom('memberships').where('user', '=', user).execute();
  }

  async addApiToken(token: ApiTokenRecord): Promise<void> {
    await this.#db
      .insertInto('api_tokens')
      .values({
        id: token.id,
        hash: token.hash,
        name: token.name,
        user: token.user,
        scopes: JSON.stringify(token.scopes),
        created_at: token.createdAt,
        expires_at: token.expiresAt,
        last_used: token.lastUsed,
      })
      .execute();
  }

  async listApiTokens(): Promise<ApiTokenRecord[]> {
    const query = this.#db.selectFrom('api_tokens').selectAll().orderBy('created_at', 'desc').orderBy('id');
    return (await query.execute()).map(tokenFromRow);
  }

  async removeApiToken(id: string): Promise<void> {
    await this.#db.deleteFrom('api_tokens').where('id', '=', id).execute();
  }

  #members() {
    return this.#db
      .selectFrom('memberships')
      .innerJoin('users', 'users.name', 'memberships.user')
      .select(['memberships.user', 'memberships.role', 'users.server', 'users.created_at'])
      .orderBy('memberships.user');
  }
}

const sessionFromRow = (row: ServerTables['sessions']): SessionRecord => ({
  hash: row.hash,
  user: row.user,
  fleet: row.fleet,
  address: row.address,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

const tokenFromRow = (row: Tables['api_tokens']): ApiTokenRecord => ({
  id: row.id,
  hash: row.hash,
  name: row.name,
  user: row.user,
  scopes: JSON.parse(row.scopes),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsed: row.last_used,
});

const memberFromRow = (row: { user: string; role: string; server: number; created_at: number }): Member => ({
  user: row.user,
  role: row.role as Role,
  server: row.server === 1,
  createdAt: row.created_at,
});
