import type * as http from 'node:http';
import type * as https from 'node:https';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { nativeBackend } from './backends/native.js';
import { mirrorOnClients } from './native/client-messages.js';
import { initServer, Server as NativeServer } from './native/create-server.js';
import { listenNode, type NetListen } from './native/node-listen.js';
import { rememberOriginal } from './native/original.js';
import { NativeRequest } from './native/request.js';
import { NativeResponse } from './native/response.js';
import { initSecureServer, loadHttps, secureServerClass } from './native/secure-server.js';

export { patchCluster } from './native/cluster-listen.js';

/** In place of http.Server: with `new`, without, as a base class, and for util.inherits. */
function Server(
  this: unknown,
  options?: http.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): unknown {
  if (!(this instanceof Server)) {
    return Reflect.construct(Server, [options, listener]) as unknown;
  }
  initServer(this as NativeServer, options, listener);
  return undefined;
}
Server.prototype = NativeServer.prototype;

function createServer(
  options?: http.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): unknown {
  return Reflect.construct(Server, [options, listener]) as unknown;
}

/** Let `http.createServer` and `http.Server` make servers of ours: for `require`, `import` and named imports alike.
 *  Where the core cannot be used, all stays as it is, and a warning says why. A second call does nothing.
 *  @returns Whether they do. */
export function patchHttp(): boolean {
  const state = nativeBackend();
  if ('reason' in state) {
    process.emitWarning(
      `node:http serves instead of the native backend: ${state.reason}`,
      'ChaussetteWarning',
    );
    return false;
  }
  const target = createRequire(import.meta.url)('node:http') as Record<string, unknown>;
  if (target['Server'] === Server) return true;
  const original = target['Server'];
  nameAs(Server, 'Server', 2);
  instancesOf(Server, original);
  rememberOriginal(Server, original);
  Object.defineProperty(NativeServer.prototype, 'constructor', {
    value: Server,
    writable: true,
    configurable: true,
  });
  // A stack trace shows the names that they have in this source, and Express shows stack traces.
  const { IncomingMessage: request, ServerResponse: response } = target;
  target['IncomingMessage'] = standIn(request, NativeRequest.prototype, (construct) => {
    return function IncomingMessage(this: object, ...args: unknown[]) {
      return construct(this, new.target, args);
    };
  });
  target['ServerResponse'] = standIn(response, NativeResponse.prototype, (construct) => {
    return function ServerResponse(this: object, ...args: unknown[]) {
      return construct(this, new.target, args);
    };
  });
  mirrorOnClients(NativeRequest.prototype, (request as typeof http.IncomingMessage).prototype);
  target['Server'] = Server;
  target['createServer'] = createServer;
  syncBuiltinESMExports();
  return true;
}

/** The same of `https.createServer` and `https.Server`; after patchHttp, and where that did. */
export function patchHttps(): void {
  const target = loadHttps() as unknown as Record<string, unknown>;
  if (isPatchedHttps) return;
  isPatchedHttps = true;
  const original = target['Server'];
  const { prototype } = secureServerClass();
  type Arguments = [https.ServerOptions | http.RequestListener | undefined, http.RequestListener | undefined];
  function Server(this: unknown, ...[options, listener]: Arguments): unknown {
    if (!(this instanceof Server)) return Reflect.construct(Server, [options, listener]) as unknown;
    initSecureServer(this as unknown as https.Server, options, listener);
    return undefined;
  }
  Server.prototype = prototype;
  nameAs(Server, 'Server', 2);
  instancesOf(Server, original);
  Object.defineProperty(prototype, 'constructor', { value: Server, writable: true, configurable: true });
  target['Server'] = Server;
  const create = (...given: Arguments): unknown => Reflect.construct(Server, given) as unknown;
  target['createServer'] = nameAs(create, 'createServer', 2);
  syncBuiltinESMExports();
}

let isPatchedHttps = false;

/** What Node's own is called, and how many arguments it says to take. @returns The function. */
function nameAs(stand: object, name: string, length: number): object {
  return Object.defineProperties(stand, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
}

/** A subclass asks for itself; a server that Node made for somebody else is a Server as well. */
function instancesOf(Server: object, original: unknown): void {
  Object.defineProperty(Server, Symbol.hasInstance, {
    value(this: unknown, value: unknown) {
      const asked = this === Server ? original : this;
      return Function.prototype[Symbol.hasInstance].call(asked as () => void, value);
    },
    configurable: true,
  });
}

/** Let the first server of node:http that listens have the sockets of the command; for where node:http serves.
 *  @param secure The same of node:https. */
export function patchListen(secure: boolean): void {
  const { Server } = createRequire(import.meta.url)('node:http') as typeof http;
  for (const { prototype } of secure ? [Server, loadHttps().Server] : [Server]) {
    const { listen } = prototype as unknown as { listen: NetListen };
    Object.defineProperty(prototype, 'listen', {
      value(this: http.Server, ...args: unknown[]): http.Server {
        listenNode(this, args, listen);
        return this;
      },
      writable: true,
      configurable: true,
    });
  }
}

/** Make an instance of Node's class, or what a derived class makes of `self` when it calls without `new`. */
type Construct = (self: object, newTarget: unknown, args: unknown[]) => unknown;

/** A class like Node's with our prototype: what applications derive from it (Express' own request and response, which
 *  it gives every one of ours as prototypes) then has our members, which leave objects of node:http alone.
 *  @param define The class, by its name, around what it does. */
function standIn(original: unknown, prototype: object, define: (construct: Construct) => object): unknown {
  const construct = original as new (...args: unknown[]) => object;
  const Message = define((self, newTarget, args) => {
    if (newTarget !== undefined) return Reflect.construct(construct, args, newTarget as typeof construct);
    return (original as (...args: unknown[]) => unknown).apply(self, args);
  });
  Object.defineProperty(Message, 'prototype', { value: prototype });
  Object.setPrototypeOf(Message, construct);
  nameAs(Message, construct.name, construct.length);
  // Some look in its source for what it can do.
  Object.defineProperty(Message, 'toString', { value: () => String(construct), configurable: true });
  Object.defineProperty(Message, Symbol.hasInstance, {
    value(this: unknown, value: unknown) {
      const asked = this === Message ? construct : this;
      return Function.prototype[Symbol.hasInstance].call(asked as () => void, value);
    },
    configurable: true,
  });
  // What node:http makes by itself, the response that a client gets, is one as well.
  for (const each of [prototype, construct.prototype as object]) {
    Object.defineProperty(each, 'constructor', { value: Message, writable: true, configurable: true });
  }
  return Message;
}
