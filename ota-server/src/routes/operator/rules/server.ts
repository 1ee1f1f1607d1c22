import * as z from 'zod';
import { backupQuerySchema } from '../backup.ts';
import type { RouteRules } from './rule.ts';

/** What is about the server, not about a fleet. */
export const SERVER_RULES: RouteRules = {
  'GET /api/openapi.json': {
    scope: 'public',
    summary: 'This description',
    answer: z.object({ openapi: z.string() }).loose(),
  },
  'GET /healthz': {
    scope: 'public',
    summary: 'Whether the process runs',
    answer: z.object({ status: z.literal('ok') }),
  },
  'GET /readyz': {
    scope: 'public',
    summary: 'Whether the server takes work: 503 while it starts, drains, or cannot reach its store',
    answer: z.object({ status: z.literal('ready') }),
  },
  'GET /api/v1/backup': {
    scope: 'server',
    summary: 'A tar archive of the running server, with its private keys',
    query: backupQuerySchema,
    answer: 'octets',
    audit: true,
  },
  'GET /metrics': { scope: 'metrics', summary: 'Metrics of the fleet and the process for Prometheus', answer: 'text' },
};
