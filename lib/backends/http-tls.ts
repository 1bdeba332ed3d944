import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';
import { ChaussetteError } from '../errors.js';
import { keepEnds } from '../proxies/ends.js';
import { findName, nodeTls, type TlsSettings } from '../tls/settings.js';
import type { Front } from './http-front.js';
import { refusalBytes } from './http-rules.js';

/** First byte of a TLS connection: a handshake record (RFC 8446 §5.1). */
const handshakeRecord = 0x16;

/** As in http-connection.ts: a draining server gives who has not asked yet so long, and who was refused so long to
 *  read why. */
const drainHandshakeMs = 500;
const lingerMs = 1000;

const plainOnTls = { status: 400, text: 'Plain HTTP came to a port that speaks TLS: use https.' };

/** TLS between the acceptors and the parser of the http backend.
 *
 *  Lifetime: that of its server. */
export class TlsFront implements Front {
  /** It does not matter to a drain whether a handshake gets done. */
  readonly size = 0;
  readonly #server: Server;
  readonly #handshakeMs: number;
  readonly #shaking = new Set<Socket>();
  #names: readonly NamedContext[];

  /** @param handshakeMs From accept to the end of the handshake; 0 for no limit.
   *  @param begin Told of each connection that is ready.
   *  @param protocols For ALPN, the best first.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when the settings cannot be used. */
  constructor(
    settings: TlsSettings,
    handshakeMs: number,
    begin: (socket: Socket) => void,
    protocols: string[],
  ) {
    this.#handshakeMs = handshakeMs;
    this.#names = made(() => contextsOf(settings));
    const server = made(() =>
      createServer({
        ...nodeTls(settings),
        ALPNProtocols: protocols,
        allowHalfOpen: true,
        handshakeTimeout: handshakeMs > 0 ? handshakeMs : 2 ** 31 - 1,
        SNICallback: (name, callback) => callback(null, findName(this.#names, name)?.context),
      }),
    );
    server.on('secureConnection', (socket) => {
      keepEnds(socket);
      begin(socket);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server = server;
  }

  /** For connections from now on. @throws as the constructor; the old settings stay. */
  use(settings: TlsSettings): void {
    const names = made(() => contextsOf(settings));
    made(() => this.#server.setSecureContext(nodeTls(settings)));
    this.#names = names;
  }

  /** Look at the first byte, then shake hands. */
  take(socket: Socket): void {
    this.#shaking.add(socket);
    const timer = this.#handshakeMs > 0 ? setTimeout(() => socket.destroy(), this.#handshakeMs) : undefined;
    socket.once('close', () => {
      clearTimeout(timer);
      this.#shaking.delete(socket);
    });
    socket.on('error', () => {}); // 'close' follows
    socket.once('data', (first: Buffer) => {
      clearTimeout(timer);
      socket.pause();
      if (first[0] === handshakeRecord) {
        socket.unshift(first);
        this.#server.emit('connection', socket);
      } else {
        socket.end(refusalBytes(plainOnTls));
        socket.resume();
        setTimeout(() => socket.destroy(), lingerMs);
      }
    });
    socket.once('end', () => {
      if (timer !== undefined && socket.bytesRead === 0) socket.destroy();
    });
    socket.resume();
  }

  /** Who has not asked anything yet gets a little longer. */
  drain(): void {
    setTimeout(() => this.cut(), drainHandshakeMs).unref();
  }

  cut(): void {
    for (const socket of this.#shaking) socket.destroy();
  }
}

interface NamedContext {
  readonly pattern: string;
  readonly context: SecureContext;
}

/** Made once: reading keys takes its time. */
function contextsOf(settings: TlsSettings): readonly NamedContext[] {
  return settings.names.map(({ pattern, identity }) => ({
    pattern,
    context: createSecureContext({ ...nodeTls(settings), ...identity }),
  }));
}

function made<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', `TLS cannot be set up: ${why}`, { cause });
  }
}
