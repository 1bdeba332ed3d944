import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keepOwn } from './base.js';
import { nodesOwn } from './server-options.js';
import type { ServerState } from './server-state.js';

// What no document tells of a server of node:http, and what programs look at all the same.
//
// The timer with which node:http looks for connections that are too slow is undocumented, and programs reach for it all
// the same, to stop it. Here the core has these deadlines: there is a timer only when somebody asks for it.

const kChecking = Symbol('checking');
const kTimer = Symbol('timer');

// What net.Server keeps for itself is there as well.

interface Inside extends Server {
  _unref: boolean;
  _listeningId: number;
}

interface Checked extends Server {
  connectionsCheckingInterval: number;
  /** Undefined before it listens. */
  [kChecking]?: boolean;
  [kTimer]?: NodeJS.Timeout | undefined;
}

/** Node's own listener for 'listening', by its name. */
function setupConnectionsTracking(this: Server): void {
  const server = this as Checked;
  clearInterval(server[kTimer]);
  server[kTimer] = undefined;
  server[kChecking] = true;
}

/** From the construction of a server on. */
export function trackConnections(server: object): void {
  (server as Server).on('listening', setupConnectionsTracking);
}

/** node:http serves, with a timer of its own. */
export function untrackConnections(server: object): void {
  (server as Server).removeListener('listening', setupConnectionsTracking);
}

/** The server closes. */
export function stopChecks(server: object): void {
  (server as Inside)._listeningId++;
  if ((server as Checked)[kChecking] === undefined) return;
  (server as Checked)[kChecking] = false;
  clearInterval((server as Checked)[kTimer]);
}

function timerOf(server: Checked): NodeJS.Timeout | undefined {
  if (server[kChecking] === undefined) return undefined;
  server[kTimer] ??= setInterval(() => {}, server.connectionsCheckingInterval).unref();
  if (!server[kChecking]) clearInterval(server[kTimer]);
  return server[kTimer];
}

// Read by those who ask how busy a server is, or whether it listens: supertest closes no server without a handle, and
// the process then never ends.
const members: Readonly<Record<string, (state: ServerState) => unknown>> = {
  _handle: (state) => (state.listening ? {} : null),
  _connections: (state) => state.connections,
};

/** What a program finds when it lists the members of a server: what net.Server keeps for itself, and what are accessors
 *  of our prototype, in Node's order. @param given From its options. */
export function addOwnMembers(server: object, prototype: object, given: object): void {
  const own: Record<string, unknown> = {
    _usingWorkers: false,
    _workers: [],
    _unref: false,
    _listeningId: 1,
    allowHalfOpen: true,
    pauseOnConnect: false,
    httpAllowHalfOpen: false,
    ...given,
  };
  for (const name of Object.keys(nodesOwn)) {
    const accessor = Object.getOwnPropertyDescriptor(prototype, name);
    if (accessor?.get !== undefined) Object.defineProperty(server, name, { ...accessor, enumerable: true });
    else if (name in own) keepOwn(server, name, own[name]);
  }
}

/** The server listens. @param asked What it was told to listen on. */
export function listened(
  server: object,
  address: AddressInfo | string,
  asked: { readonly port: number | undefined; readonly fd: number | undefined } | undefined,
): void {
  (server as Inside)._listeningId++;
  let key = 'null:null:null';
  if (typeof address === 'string') key = `-1:${address}:-1`;
  else if (asked?.fd === undefined)
    key = `${address.family === 'IPv6' ? 6 : 4}:${address.address}:${asked?.port ?? 0}`;
  keepOwn(server, '_connectionKey', key);
}

/** @param prototype Of our servers. @param stateOf Undefined when node:http serves. */
export function defineInside(prototype: object, stateOf: (server: object) => ServerState | undefined): void {
  for (const [name, get] of Object.entries(members)) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: object): unknown {
        const state = stateOf(this);
        return state === undefined ? undefined : get(state);
      },
      set(this: object, value: unknown) {
        keepOwn(this, name, value);
      },
    });
  }
  defineChecks(prototype);
}

function defineChecks(prototype: object): void {
  nodesOwn.emit('listening');
  for (const symbol of Object.getOwnPropertySymbols(nodesOwn)) {
    if (symbol.description !== 'http.server.connectionsCheckingInterval') continue;
    clearInterval((nodesOwn as unknown as Record<symbol, NodeJS.Timeout>)[symbol]);
    Object.defineProperty(prototype, symbol, {
      configurable: true,
      get(this: Checked) {
        return timerOf(this);
      },
      // One of Node's own.
      set(this: object, value: unknown) {
        keepOwn(this, symbol, value);
      },
    });
  }
}
