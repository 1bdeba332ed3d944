import { NativeSocket } from './socket.js';
import { addTlsFacts } from './tls-facts.js';
import type { NativeServer } from './turn.js';

/** `req.socket` of a connection with TLS. */
export class NativeTlsSocket extends NativeSocket {
  readonly encrypted = true;
  /** @internal */
  readonly tlsConnection: number;

  constructor(connection: number, server: NativeServer) {
    super(connection, server);
    this.tlsConnection = connection;
  }
}

addTlsFacts(NativeTlsSocket.prototype);
