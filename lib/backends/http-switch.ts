import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request that asks for another protocol, when node:http has let go of its connection: it emits 'upgrade' and
 *  'connect' before anybody can know whether the application takes the connection or answers like any other request.
 *
 *  Lifetime: from that event until the connection is taken, or handed back after the response. */
export class HttpSwitch {
  readonly socket: Socket;
  /** What came behind the request. */
  readonly head: Buffer;
  readonly res: ServerResponse;
  readonly #onDrain: (() => void) | undefined;

  /** @param onDrain Node's own listener of the socket, which responses wait for. */
  constructor(req: IncomingMessage, socket: Socket, head: Buffer, onDrain: (() => void) | undefined) {
    this.socket = socket;
    this.head = head;
    this.res = new ServerResponse(req);
    if (/(?:^|[,\s])close(?:$|[,\s])/i.test(req.headers.connection ?? '')) this.res.shouldKeepAlive = false;
    this.#onDrain = onDrain;
    socket.on('error', ignore);
    if (onDrain !== undefined) socket.on('drain', onDrain);
    // node:http leaves these to whoever takes the connection.
    Object.assign(req, { upgrade: false, complete: true });
    req.push(null);
  }

  /** The responses before it are out. */
  begin(): void {
    this.res.assignSocket(this.socket);
  }

  /** The connection goes on without it. */
  letGo(): void {
    const { res, socket } = this;
    res.detachSocket(socket);
    socket.removeListener('error', ignore);
    if (this.#onDrain !== undefined) socket.removeListener('drain', this.#onDrain);
    Reflect.deleteProperty(socket, 'setEncoding'); // HTTP forbids it, another protocol may not.
  }

  /** The response is out. @returns Whether another request may follow. */
  finish(): boolean {
    const { res } = this;
    this.letGo();
    process.nextTick(() => {
      res.destroyed = true;
      res.emit('close');
    });
    if (this.head.length > 0) this.socket.unshift(this.head);
    return (res as unknown as { _last: boolean })._last !== true && res.req.method !== 'CONNECT';
  }
}

/** Let node:http take as an ordinary request what cannot change the protocol: one of HTTP/1.0 (RFC 9110 §7.8), and one
 *  with a body, which node:http would hand over as bytes of the other protocol.
 *  @returns Node's listener for 'drain'. */
export function watchSwitches(socket: Socket): (() => void) | undefined {
  const { parser } = socket as unknown as {
    parser: { onIncoming: (req: IncomingMessage & { upgrade: boolean }, keepAlive: boolean) => number };
  };
  const onIncoming = parser.onIncoming;
  parser.onIncoming = (req, keepAlive) => {
    if (req.upgrade && req.method !== 'CONNECT' && (req.httpVersion !== '1.1' || hasBody(req)))
      req.upgrade = false;
    return onIncoming(req, keepAlive);
  };
  return socket.listeners('drain').at(-1) as (() => void) | undefined;
}

export function hasBody(req: IncomingMessage): boolean {
  return 'transfer-encoding' in req.headers || Number(req.headers['content-length'] ?? 0) > 0;
}

function ignore(): void {}
