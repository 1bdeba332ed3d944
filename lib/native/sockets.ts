import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { defineValues, enumerableAs } from './base.js';
import { putShort } from './commands.js';
import type { NativeExchange } from './exchange.js';
import { inspectAs } from './inspected.js';
import { addon, opWatchEnd } from './layout.js';
import { NativeSocket } from './socket.js';
import { kCarries, kConnection, kEnded, kForget, kLeft, kUnrefd, SocketFacts } from './socket-facts.js';
import { defineInside, removeServerListeners } from './socket-inside.js';
import type { NativeServer } from './turn.js';

// The sockets that the application has asked for, and what they become when it takes their connection.

/** Those that somebody has asked for, by the number of their connection. */
const sockets = new Map<number, NativeSocket>();

/** The socket of the connection of an exchange: one for all exchanges of it. */
export function socketOf(exchange: NativeExchange): NativeSocket {
  let socket = sockets.get(exchange.connection);
  if (socket === undefined) {
    socket = newSocket(exchange.connection, exchange.server);
    if (!exchange.ended) putShort(opWatchEnd, exchange.index, exchange.generation, 0);
    if (!exchange.ended || addon.watchConnection(exchange.connection)) {
      sockets.set(exchange.connection, socket);
    }
    if (exchange.aborted) socket[kLeft]();
  }
  socket[kCarries](exchange);
  return socket;
}

/** The socket of a connection of which the core has told.
 *  @param connection Its number. */
export function socketAt(connection: number, server: NativeServer): NativeSocket {
  let socket = sockets.get(connection);
  if (socket === undefined) {
    socket = newSocket(connection, server);
    if (addon.watchConnection(connection)) sockets.set(connection, socket);
  }
  return socket;
}

function newSocket(connection: number, server: NativeServer): NativeSocket {
  becomeSocket();
  return new (server.SecureSocket ?? NativeSocket)(connection, server);
}

let isSocket = false;

/** Make ours instances of net.Socket. Not when this file is loaded: node:net takes 4 ms of the start of servers that
 *  never need it. */
function becomeSocket(): void {
  if (isSocket) return;
  isSocket = true;
  const { Socket } = loadNet();
  Object.setPrototypeOf(SocketFacts.prototype, Socket.prototype);
  defineInside(SocketFacts.prototype);
  defineValues(NativeSocket.prototype, { constructor: Socket });
  const nodes = Object.assign(new Socket(), ofServers);
  for (const prototype of [SocketFacts.prototype, NativeSocket.prototype]) enumerableAs(prototype, nodes);
  inspectAs(
    SocketFacts.prototype,
    () => nodes,
    (socket) => kConnection in socket,
  );
}

/** What node:http puts on its sockets: only the names count. */
const ofServers = {
  ...{ server: 0, _server: 0, parser: 0, _httpMessage: 0, _paused: 0, _peername: 0 },
  ...{ on: 0, addListener: 0, prependListener: 0, setEncoding: 0 },
};

function loadNet(): typeof import('node:net') {
  return createRequire(import.meta.url)('node:net') as typeof import('node:net');
}

/** @internal The core tells that a connection has ended. */
export function connectionClosed(connection: number, how: number): void {
  const socket = sockets.get(connection);
  socket?.[kEnded](how);
  sockets.delete(connection);
}

/** @internal What was received on a connection that is read by somebody. */
export function connectionRead(connection: number, bytes: Buffer): void {
  sockets.get(connection)?.emit('data', bytes);
}

/** A socket of Node's own over a connection that the core has let go. One that the application has already becomes it.
 *  node:net is loaded here, since it takes 4 ms of the start of servers that never need it.
 *  @param connection The number that it had. @param fd The socket's own from here on. */
export function openSocket(connection: number, fd: number): Socket {
  const options = { fd, readable: true, writable: true, allowHalfOpen: true };
  const known = sockets.get(connection);
  const net = loadNet();
  if (known === undefined) return new net.Socket(options);
  sockets.delete(connection);
  const { timeout, [kUnrefd]: unrefd } = known;
  known[kForget]();
  removeServerListeners(known);
  for (const name of ownFields) Reflect.deleteProperty(known, name);
  const socket = Object.setPrototypeOf(known, net.Socket.prototype) as Socket;
  (net.Socket as unknown as (this: Socket, given: object) => void).call(socket, options);
  if (timeout !== undefined && timeout > 0) socket.setTimeout(timeout);
  if (unrefd) socket.unref();
  return socket;
}

/** What Node keeps elsewhere. */
const ownFields = ['readable', 'writable', 'destroyed', 'connecting', 'timeout', 'encrypted'];
