import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';

const LIMIT_MS = 20_000;
/** The faults of a certificate that a wrong clock makes (OpenSSL's names, as Node gives them). */
const DATE_FAULTS = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

export function isDateFault(error: unknown): boolean {
  return DATE_FAULTS.has((error as NodeJS.ErrnoException)?.code ?? '');
}

/**
 * Asks a server for its time whose certificate is right in all but its dates, as this device's clock sees them: signed
 * by the fleet's authority, and for the server's name. The time counts only where the certificate is valid at it, so
 * whoever has an old key of the server can say no more than that it is still the time of that key; time servers, which
 * prove nothing at all, can say more.
 * @param open a connection to the server, e.g. through a proxy
 * @returns milliseconds since 1970, null where there is no such time
 */
export async function askUndated(
  server: URL,
  ca: string,
  open: () => Promise<import('node:net').Socket | null> = async () => null,
): Promise<number | null> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const through = await open();
  const isAddress = /^[\d.]+$|:/.test(host);
  const socket = connect({
    ...(through ? { socket: through } : { port: Number(server.port || 443) }),
    ...{ host, rejectUnauthorized: false, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] },
    ...(isAddress ? {} : { servername: host }),
  });
  try {
    const certificate = await handshake(socket);
    if (!isServersOwn(certificate, host, isAddress, ca)) return null;
    const date = await askDate(socket, host);
    const valid = Date.parse(certificate.validFrom) <= date && date < Date.parse(certificate.validTo);
    return valid ? date : null;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

function handshake(socket: TLSSocket): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate) resolve(certificate);
      else reject(new Error('no certificate'));
    });
  });
}

function isServersOwn(certificate: X509Certificate, host: string, isAddress: boolean, ca: string): boolean {
  const authorities = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const named = isAddress ? certificate.checkIP(host) : certificate.checkHost(host);
  return (
    named !== undefined &&
    authorities.some((pem) => {
      const authority = new X509Certificate(pem);
      return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
    })
  );
}

function askDate(socket: TLSSocket, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
      const date = /^date: (.+)\r$/im.exec(text)?.[1];
      if (date) resolve(Date.parse(date));
      else if (text.length > 65_536) socket.destroy(new Error('no date'));
    });
    socket.write(`HEAD / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}
