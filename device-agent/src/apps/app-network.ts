import { connect, Socket } from 'node:net';
import type { NetworkCalls } from '../ports.ts';

/** Opens a connection to a port of an app; what goes wrong is the socket's `error`. */
export type ConnectToApp = (port: number, options?: { readonly allowHalfOpen?: boolean }) => Socket;

/** The same for any app by its name. */
export type ConnectByName = (app: string, ...to: Parameters<ConnectToApp>) => Socket;

/** Of apps on the device's network. */
export const connectOutside: ConnectToApp = (port, { allowHalfOpen = false } = {}) =>
  connect({ host: '127.0.0.1', port, allowHalfOpen, noDelay: true });

/**
 * Of an app with a network of its own, in which `processId` is.
 * @param native null where the addon could not be loaded: the device's own ports are not the app's
 */
export function connectInside(native: NetworkCalls | null, processId: number): ConnectToApp {
  return (port, { allowHalfOpen = false } = {}) => {
    try {
      if (native === null) throw new Error('the addon that leads into its network is missing');
      return new Socket({ fd: native.connectIn(processId, port), readable: true, writable: true, allowHalfOpen });
    } catch (error) {
      return failedSocket(error as Error);
    }
  };
}

/** A socket that nobody answers: whoever has it hears why, as of any other. */
export function failedSocket(error: Error): Socket {
  const socket = new Socket();
  process.nextTick(() => socket.destroy(error));
  return socket;
}
