import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Exchange, Handler } from '../../lib/exchange.js';
import type { TlsSettings } from '../../lib/tls/settings.js';
import { testAuthority, testTls } from './certificates.js';
import { within } from './lifetime-client.js';
import { type StartedBackend, startBackend } from './start-backend.js';

/** A server with TLS, for the test.
 *  @param handle Answers; default: the target of the request. */
export async function serveTls(
  t: TestContext,
  backend: string,
  more: Partial<TlsSettings> = {},
  handle: (exchange: Exchange) => void = (exchange) => exchange.respond(200, '', [], exchange.target),
  limits: Parameters<typeof startBackend>[2] = {},
): Promise<StartedBackend> {
  const handler: Handler = { interface: 'fetch', handle };
  const server = await startBackend(backend, handler, limits, testTls(more));
  t.after(() => server.close());
  return server;
}

/** A handshake as a client of the tests' authority. @throws the client's error when it fails. */
export async function shake(
  t: TestContext,
  port: number,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: testAuthority().cert,
    allowHalfOpen: true,
    ...options,
  } as ConnectionOptions);
  t.after(() => socket.destroy());
  await within('the handshake', once(socket, 'secureConnect'));
  return socket;
}

export const hello = 'GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** Send a request, and read to the end of the stream. @throws the client's error. */
export async function talk(socket: TLSSocket, request = hello): Promise<string> {
  socket.write(request);
  return await within('the end', readAll(socket));
}

export async function readAll(socket: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** What comes back for bytes on a plain connection, up to its end, however it ends.
 *  @param parts One write each, one after the other. */
export async function plain(
  t: TestContext,
  port: number,
  parts: readonly (string | Buffer)[],
): Promise<string> {
  const socket = connectPlain({ port, host: '127.0.0.1', noDelay: true });
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  for (const part of parts) await new Promise<void>((sent) => socket.write(part, () => sent()));
  await within('the end of the connection', closed);
  return text;
}
