import type { FastifyReply } from 'fastify';
import { SERVER_LIMITS } from '../limits.ts';

/** A server-sent event stream (WHATWG HTML, 9.2) on one reply. */
export interface EventStream {
  send(event: string, data: unknown): void;
  close(): void;
}

/**
 * Takes over the reply.
 * @param onClose called once, whoever ends the stream
 */
export function openEventStream(reply: FastifyReply, onClose: () => void): EventStream {
  reply.hijack();
  const { raw } = reply;
  // Set one by one: only so can a server that is about to end tell streams from other answers.
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.setHeader('content-type', 'text/event-stream; charset=utf-8');
  raw.setHeader('cache-control', 'no-store');
  // A proxy must not collect events.
  raw.setHeader('x-accel-buffering', 'no');
  raw.writeHead(200);
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => raw.write(': still here\n\n'), SERVER_LIMITS.sseHeartbeatMs);
  heartbeat.unref();
  raw.on('close', () => {
    clearInterval(heartbeat);
    onClose();
  });
  raw.on('error', () => undefined);
  return {
    // JSON has no line breaks of its own, so one `data` line holds it.
    send: (event, data) => void raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    close: () => void raw.end(),
  };
}
