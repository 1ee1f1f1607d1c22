import { errorBodySchema } from '@nodeos/contracts/operator-api.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { SESSION_COOKIE } from '../../access-tokens.ts';
import type { RouteRule, RouteRules } from './rules/rule.ts';

type Json = Record<string, unknown>;
const MEDIA = {
  metadata: 'application/json',
  text: 'text/plain',
  png: 'image/png',
  octets: 'application/octet-stream',
} as const;

/** GET /api/openapi.json: what this server really answers, made from the rules of the routes that it has. */
export function openApiRoute(app: FastifyInstance, rules: RouteRules, version: string): void {
  let document: Json | null = null;
  app.get('/api/openapi.json', async (_request, reply) => {
    const present = Object.entries(rules).filter(([key]) => {
      const [method, url] = key.split(' ') as ['GET', string];
      return app.hasRoute({ method, url });
    });
    document ??= describeApi(present, version);
    return reply.header('cache-control', 'no-cache').send(document);
  });
}

/** An OpenAPI 3.1.0 document. */
export function describeApi(rules: readonly (readonly [string, RouteRule])[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [key, rule] of rules) {
    const [method, url] = key.split(' ') as [string, string];
    const path = url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: describeRoute(key, url, rule) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'NodeOS operator API',
      version,
      description: 'All that the command line and the dashboard do. The header `nodeos-fleet` names the fleet.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Error: jsonSchema(errorBodySchema, 'output') },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      },
    },
  };
}

function describeRoute(key: string, url: string, rule: RouteRule): Json {
  const parameters: Json[] = [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }));
  if (rule.query !== undefined) {
    const { properties = {}, required = [] } = jsonSchema(rule.query, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    for (const [name, schema] of Object.entries(properties))
      parameters.push({ name, in: 'query', required: required.includes(name), schema });
  }
  const success = String(rule.status ?? 200);
  const error = {
    description: 'A coded error',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
  return {
    operationId: key
      .replace(/\/api(\/v1)?/, '')
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/-$/, ''),
    summary: rule.summary,
    ...(rule.scope !== 'public' && rule.scope !== null && { description: `Needs the right \`${rule.scope}\`.` }),
    security: rule.scope === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(rule.body !== undefined && { requestBody: { required: true, content: contentOf(rule.body, 'input') } }),
    responses: {
      [success]: {
        description: rule.summary,
        ...(rule.answer !== undefined && { content: contentOf(rule.answer, 'output') }),
      },
      ...(key.startsWith('HEAD') ? {} : { '4XX': error }),
    },
  };
}

function contentOf(kind: NonNullable<RouteRule['body'] | RouteRule['answer']>, io: 'input' | 'output'): Json {
  if (typeof kind !== 'string') return { 'application/json': { schema: jsonSchema(kind, io) } };
  if (kind === 'events') return { 'text/event-stream': { schema: { type: 'string' } } };
  return { [MEDIA[kind]]: { schema: kind === 'metadata' ? { type: 'object' } : { type: 'string' } } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...plain } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return plain;
}
