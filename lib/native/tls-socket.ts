import { createRequire } from 'node:module';
import { defineValues, enumerableAs } from './base.js';
import { NativeSocket } from './socket.js';
import { SocketFacts } from './socket-facts.js';
import { addTlsFacts } from './tls-facts.js';
import type { NativeServer } from './turn.js';

/** `req.socket` of a connection with TLS. */
export class NativeTlsSocket extends NativeSocket {
  readonly encrypted = true;
  /** @internal */
  readonly tlsConnection: number;

  constructor(connection: number, server: NativeServer) {
    becomeTlsSocket();
    super(connection, server);
    this.tlsConnection = connection;
    this.timeout = 0;
  }

  override get _server(): null {
    return null;
  }

  override get allowHalfOpen(): boolean {
    return false;
  }
}

addTlsFacts(NativeTlsSocket.prototype);

let isTlsSocket = false;

/** Make ours instances of tls.TLSSocket, when ours of net.Socket are: between the two there are all their members. Not
 *  when this file is loaded: servers without TLS load it as well. */
function becomeTlsSocket(): void {
  if (isTlsSocket) return;
  isTlsSocket = true;
  const { TLSSocket } = createRequire(import.meta.url)('node:tls') as typeof import('node:tls');
  const members = {
    ...Object.getOwnPropertyDescriptors(SocketFacts.prototype),
    ...Object.getOwnPropertyDescriptors(NativeSocket.prototype),
  };
  Object.setPrototypeOf(NativeTlsSocket.prototype, Object.create(TLSSocket.prototype, members) as object);
  defineValues(NativeTlsSocket.prototype, { constructor: TLSSocket });
  enumerableAs(
    NativeTlsSocket.prototype,
    Object.create(TLSSocket.prototype, {
      _server: { enumerable: true },
      allowHalfOpen: { enumerable: true },
    }) as object,
  );
}
