import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Origin } from './forwarded.js';

/** Let a request of the node interface show who made it: `req.socket` (and `req.connection`, `req.client`) has the
 *  client's address and whether it speaks TLS, as if it had come directly, and `req.headers.host` is what it asked for.
 *  One connection of a proxy carries the requests of many clients, so the socket of each request is a view of its own;
 *  `res.socket` is the connection itself. */
export function showOrigin(req: IncomingMessage, origin: Origin): void {
  // Only asked for when somebody asks: the native backend makes it then.
  const own = Object.getOwnPropertyDescriptor(req, 'socket')?.value as Socket | undefined;
  const prototype = Object.getPrototypeOf(req) as object;
  let view: Socket | undefined;
  const find = (): Socket => {
    view ??= viewOf(own ?? (Reflect.get(prototype, 'socket', req) as Socket), origin);
    return view;
  };
  for (const name of ['socket', 'connection', 'client']) {
    Object.defineProperty(req, name, {
      get: find,
      set: (value: Socket) => {
        view = value;
      },
      configurable: true,
    });
  }
  if (origin.authority !== undefined && req.headers.host !== origin.authority)
    req.headers.host = origin.authority;
}

function viewOf(socket: Socket, { remote, scheme }: Origin): Socket {
  const shown: Readonly<Record<PropertyKey, unknown>> = {
    remoteAddress: remote.address || undefined,
    remotePort: remote.port || undefined,
    remoteFamily: remote.family === 'unix' ? undefined : remote.family,
    encrypted: scheme === 'https' ? true : undefined,
  };
  const bound = new Map<unknown, unknown>();
  return new Proxy(socket, {
    get(target, name) {
      if (Object.hasOwn(shown, name)) return shown[name];
      // Not through the view: sockets have private fields.
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || name === 'constructor') return value;
      const known = bound.get(value);
      if (known !== undefined) return known;
      const method: unknown = value.bind(target);
      bound.set(value, method);
      return method;
    },
    set: (target, name, value) => Reflect.set(target, name, value),
  });
}
