import type { Server as HttpServer, RequestListener } from 'node:http';
import type * as https from 'node:https';
import { createRequire } from 'node:module';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { bareBase, enumerableAs, keepOwn } from './base.js';
import type { NativeTls } from './binding.js';
import {
  initServer,
  kNode,
  moveToNode,
  type NodeSide,
  readOptions,
  Server,
  stateOf,
  toNode,
} from './create-server.js';
import { readSecureOptions } from './secure-options.js';
import { nodesOwn } from './server-options.js';

/** Those who listen for these ask for what the core does not tell of handshakes: node:https serves them. */
const handshakeEvents = [
  'secureConnection',
  'tlsClientError',
  'newSession',
  'resumeSession',
  'OCSPRequest',
  'keylog',
];

type Named = readonly [name: string, context: SecureContextOptions | SecureContext];

/** What a server was given so far. */
const given = new WeakMap<object, { options: https.ServerOptions; readonly names: Named[] }>();

export type SecureServerClass = new (
  options?: https.ServerOptions | RequestListener,
  listener?: RequestListener,
) => https.Server;

let made: SecureServerClass | undefined;

/** node:https's Server over the native core, of which it is an instance. Made when somebody asks for it: node:https and
 *  what it brings take their time. */
export function secureServerClass(): SecureServerClass {
  made ??= make(loadHttps());
  return made;
}

export function loadHttps(): typeof https {
  return createRequire(import.meta.url)('node:https') as typeof https;
}

function make({ Server: HttpsServer }: typeof https): SecureServerClass {
  const node = HttpsServer.prototype;

  class SecureServer extends bareBase<https.Server>(node) {
    constructor(options?: https.ServerOptions | RequestListener, listener?: RequestListener) {
      super();
      initSecureServer(this, options, listener);
    }

    override setSecureContext(options: SecureContextOptions): void {
      const known = given.get(this);
      const state = stateOf(this);
      // The constructor of node:https calls it as well.
      if (known === undefined || state === undefined) return node.setSecureContext.call(this, options);
      const { key: _key, cert: _cert, ca: _ca, ...kept } = known.options;
      const changed = { ...kept, ...options };
      showOptions(this, changed);
      known.options = changed;
      use(this);
    }

    override addContext(name: string, context: SecureContextOptions | SecureContext): void {
      const known = given.get(this);
      if (known === undefined || stateOf(this) === undefined) {
        node.addContext.call(this, name, context as SecureContextOptions);
        return;
      }
      // The one that came last counts.
      known.names.unshift([name, context]);
      use(this);
    }

    override getTicketKeys(): ReturnType<https.Server['getTicketKeys']> {
      if (stateOf(this) === undefined) return node.getTicketKeys.call(this);
      return Buffer.from(given.get(this)?.options.ticketKeys ?? Buffer.alloc(48));
    }

    override setTicketKeys(ticketKeys: Buffer): void {
      const known = given.get(this);
      if (known === undefined || stateOf(this) === undefined)
        return node.setTicketKeys.call(this, ticketKeys);
      known.options = { ...known.options, ticketKeys };
      use(this);
    }
  }

  // Node's secure context of the server, which programs reach into: from then on node:https serves.
  Object.defineProperty(SecureServer.prototype, '_sharedCreds', {
    configurable: true,
    get(this: SecureServer): unknown {
      if (stateOf(this) === undefined) return undefined;
      toNode(this as unknown as Server);
      if (stateOf(this) !== undefined) return undefined; // it is about to listen, and cannot be moved
      return (this as { _sharedCreds?: unknown })._sharedCreds;
    },
    set(this: SecureServer, value: unknown) {
      keepOwn(this, '_sharedCreds', value);
    },
  });

  const side: NodeSide = {
    Server: HttpsServer as unknown as typeof HttpServer,
    options: (server) => given.get(server)?.options ?? {},
    must: (server) =>
      nativeOf(server) === undefined || handshakeEvents.some((event) => server.listenerCount(event) > 0),
    became(server) {
      for (const [name, context] of [...(given.get(server)?.names ?? [])].reverse()) {
        node.addContext.call(server as unknown as https.Server, name, context as SecureContextOptions);
      }
    },
  };
  // All that is not of TLS is as without it.
  for (const name of Reflect.ownKeys(Server.prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(Server.prototype, name);
    if (name !== 'constructor' && name !== kNode && descriptor !== undefined) {
      Object.defineProperty(SecureServer.prototype, name, descriptor);
    }
  }
  Object.defineProperty(SecureServer.prototype, kNode, { value: side });
  // Who listens for handshakes when the server listens already gets those of later connections.
  for (const name of ['on', 'addListener', 'prependListener'] as const) {
    const add = SecureServer.prototype[name] as (event: string, listener: () => void) => unknown;
    const value = function (this: SecureServer, event: string, listener: () => void): unknown {
      add.call(this, event, listener);
      if (handshakeEvents.includes(event)) moveToNode(this as unknown as Server);
      return this;
    };
    Object.defineProperty(SecureServer.prototype, name, { value, writable: true, configurable: true });
  }
  enumerableAs(SecureServer.prototype, node);
  return SecureServer;
}

/** Put on a server what tls.Server keeps: clients in the tests of programs trust `server.cert`. Node's own constructor
 *  says what that is, and throws for what is wrong. */
function showOptions(server: object, options: https.ServerOptions): void {
  const { Server: NodeServer } = (server as Server)[kNode];
  const nodes = new NodeServer(options) as unknown as Record<string, unknown>;
  for (const name of Object.keys(nodes)) {
    if (!(name in nodesOwn) && name !== '_sharedCreds') keepOwn(server, name, nodes[name]);
  }
}

/** What the constructor does; apart, because `Server.call(this)` of util.inherits must do it as well.
 *  @throws as node:https, for what is wrong with a certificate, a key or a list of ciphers. */
export function initSecureServer(
  server: https.Server,
  options: https.ServerOptions | RequestListener | undefined,
  listener: RequestListener | undefined,
): void {
  const own = { ...readOptions(options) };
  showOptions(server, own);
  // So that sessions outlive setSecureContext.
  own.ticketKeys ??= Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(48)));
  given.set(server, { options: own, names: [] });
  const onRequest = typeof options === 'function' ? options : listener;
  initServer(server as unknown as Server, own as object, onRequest);
  (server as unknown as Server & { allowHalfOpen: boolean }).allowHalfOpen = false;
  use(server);
}

/** For connections from now on. */
function use(server: https.Server): void {
  const state = stateOf(server);
  const tls = nativeOf(server);
  if (tls !== undefined) state?.setTls(tls);
  else if (state?.listening === true) {
    throw Object.assign(
      new Error('This server listens on the native core, which cannot use such a secure context'),
      { code: 'ERR_INVALID_ARG_VALUE' },
    );
  }
}

/** @returns undefined for what only node:https can do. */
function nativeOf(server: object): NativeTls | undefined {
  const { options = {}, names = [] } = given.get(server) ?? {};
  const own = readSecureOptions(options);
  if (own === undefined) return undefined;
  const others: (string | NativeTls)[] = [];
  for (const [name, context] of names) {
    const other = 'context' in context ? undefined : readSecureOptions({ ...options, ...context });
    // Node's patterns may have a star anywhere.
    if (other === undefined || name.replace(/^\*\./, '').includes('*')) return undefined;
    others.push(name.toLowerCase(), other);
  }
  return { ...own, names: others };
}
