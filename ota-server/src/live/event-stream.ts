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
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // A proxy must not collect events.
    'x-accel-buffering': 'no',
  });
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
