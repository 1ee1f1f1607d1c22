import type { Scope } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';

/** What a route demands of its caller, and how the API's description shows it. */
export interface RouteRule {
  /** `null`: whoever is signed in. `public`: everybody. */
  readonly scope: Scope | null | 'public';
  readonly summary: string;
  readonly query?: ZodType;
  /** JSON body; `octets`, `metadata` and `text` are taken as they come. */
  readonly body?: ZodType | 'octets' | 'metadata' | 'text';
  /** JSON answer; `events` is a stream of server-sent events. */
  readonly answer?: ZodType | 'events' | 'metadata' | 'text' | 'octets' | 'png';
  /** Of the success; 200 unless given. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Unless given: whatever is not a GET or HEAD. False for what would drown the log, e.g. each key in a console. */
  readonly audit?: boolean;
}

/** By `METHOD /path`. */
export type RouteRules = Readonly<Record<string, RouteRule>>;

/** The rule of the route that a request was sent to. */
export function ruleOf(request: FastifyRequest): RouteRule {
  const { rule } = request.routeOptions.config as { rule?: RouteRule };
  if (rule === undefined) throw new NodeosError('INTERNAL', `${request.method} ${request.url} has no rule`);
  return rule;
}
