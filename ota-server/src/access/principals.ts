import { FLEET_HEADER, ROLE_SCOPES, type Role, SCOPES, type Scope } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyRequest } from 'fastify';
import { type AccessTokens, hashOf, readCookie, SESSION_COOKIE } from '../access-tokens.ts';
import { MAIN_FLEET } from '../fleets.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Membership } from '../store/people.ts';
import type { ServerStore } from '../store/store.ts';

/** Who makes a request, in which fleet, and what that allows. */
export interface Principal {
  readonly kind: 'operator-token' | 'user' | 'api-token';
  /** As the audit log names it. */
  readonly name: string;
  /** Null for the operator token and what it made. */
  readonly user: string | null;
  readonly fleet: string;
  readonly role: Role;
  readonly scopes: ReadonlySet<Scope>;
  /** Fleets that the caller may name, with its role there; null for all of them. */
  readonly memberships: readonly Membership[] | null;
  /** Hash of the session, where it is one. */
  readonly session: string | null;
  /** Id of the API token, where it is one. */
  readonly apiToken: string | null;
}

const ALL_SCOPES: ReadonlySet<Scope> = new Set(SCOPES);

/** Finds out who makes a request by its bearer token or session; null where that is nobody. */
export class Principals {
  readonly #access: AccessTokens;
  readonly #store: ServerStore;
  readonly #now: () => number;

  constructor(access: AccessTokens, store: ServerStore, now: () => number = Date.now) {
    this.#access = access;
    this.#store = store;
    this.#now = now;
  }

  /** @throws NodeosError NOT_FOUND where the request names a fleet that is not the caller's */
  async ofBearer(bearer: string, request: FastifyRequest): Promise<Principal | null> {
    const wanted = fleetHeader(request);
    if (await this.#access.isOperatorToken(bearer)) return this.#serverWide(null, wanted ?? MAIN_FLEET, null);
    return this.#ofApiToken(bearer, wanted);
  }

  /** @throws NodeosError as `ofBearer` */
  async ofCookie(request: FastifyRequest): Promise<Principal | null> {
    const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
    if (secret === null) return null;
    const session = await this.#store.accounts.getSession(hashOf(secret).toString('hex'), this.#now());
    if (session === null) return null;
    const named = fleetHeader(request);
    if (session.user === null) return this.#serverWide(null, named ?? session.fleet, session.hash);
    return this.#ofUser(session.user, named ?? session.fleet, session.hash, named === null);
  }

  /** @param orAny another fleet of the user will do: nobody asked for this one */
  async #ofUser(name: string, fleet: string, session: string | null, orAny = false): Promise<Principal | null> {
    const user = await this.#store.accounts.getUser(name);
    if (user === null) return null;
    if (user.server) return this.#serverWide(name, fleet, session);
    const memberships = await this.#store.accounts.memberships(name);
    const member = memberships.find((one) => one.fleet === fleet) ?? (orAny ? memberships[0] : undefined);
    if (member === undefined) throw noFleet(fleet);
    return {
      ...{ kind: 'user', name, user: name, session, apiToken: null, memberships },
      ...{ fleet: member.fleet, role: member.role, scopes: new Set(ROLE_SCOPES[member.role]) },
    };
  }

  async #serverWide(user: string | null, fleet: string, session: string | null): Promise<Principal> {
    const fleets = await this.#store.listFleets();
    if (!fleets.some(({ id }) => id === fleet)) throw noFleet(fleet);
    const kind = user === null ? 'operator-token' : 'user';
    return {
      ...{ kind, name: user ?? 'operator token', user, fleet, session, apiToken: null },
      ...{ role: 'admin', scopes: ALL_SCOPES, memberships: null },
    };
  }

  async #ofApiToken(bearer: string, wanted: string | null): Promise<Principal | null> {
    const token = await this.#store.accounts.findApiToken(hashOf(bearer).toString('hex'), this.#now());
    if (token === null) return null;
    if (wanted !== null && wanted !== token.fleet) throw noFleet(wanted);
    // A token never does more than its owner may now, in this fleet.
    const owner =
      token.user === null
        ? await this.#serverWide(null, token.fleet, null)
        : await this.#ofUser(token.user, token.fleet, null).catch(() => null);
    if (owner === null) return null;
    const now = this.#now();
    if (now - (token.lastUsed ?? 0) >= SERVER_LIMITS.tokenUseResolutionMs)
      await this.#store.accounts.apiTokenUsed(token.id, now);
    return {
      ...owner,
      kind: 'api-token',
      name: `${owner.name}, token ${token.name}`,
      scopes: new Set(token.scopes.filter((scope) => owner.scopes.has(scope))),
      memberships: [{ fleet: token.fleet, role: owner.role }],
      apiToken: token.id,
    };
  }
}

function fleetHeader(request: FastifyRequest): string | null {
  const value = request.headers[FLEET_HEADER];
  return typeof value === 'string' && value !== '' ? value : null;
}

function noFleet(id: string): NodeosError {
  return new NodeosError('NOT_FOUND', `there is no fleet ${id.slice(0, 64)} that you may see`);
}
