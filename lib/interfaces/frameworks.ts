import type { Server } from 'node:http';
import type { NodeFunction, NodePrototypes } from './node.js';

/** A framework whose application is not just a function. */
export interface Framework {
  readonly name: string;
  /** Start the application, and find what takes `(req, res)`. */
  prepare(): Promise<{ readonly listener: NodeFunction; readonly prototypes?: NodePrototypes }>;
}

type Members = Readonly<Record<string, unknown>>;

/** Recognise an application by its framework's own marks.
 *  @returns undefined for a plain function, and for what is no application. */
export async function frameworkOf(application: unknown): Promise<Framework | undefined> {
  if ((typeof application !== 'object' || application === null) && typeof application !== 'function')
    return undefined;
  const app = application as Members;
  if (isExpress(app)) return express(app);
  if (typeof application === 'function') return undefined;
  if (hasFunctions(app, 'getHttpAdapter', 'init', 'getHttpServer')) return nest(app);
  if (hasFunctions(app, 'ready', 'routing', 'inject', 'register')) return fastify(app);
  if (hasFunctions(app, 'callback', 'use') && isObject(app['context'])) return koa(app);
  if (hasFunctions(app, 'handler', 'find', 'use', 'onNoMatch')) return polka(app);
  // Not before here: it is a tenth of a start, and fetch and wsgi do without.
  const { Server } = await import('node:http');
  if (hasFunctions(app, 'initialize', 'inject', 'route') && app['listener'] instanceof Server)
    return hapi(app);
  if (hasFunctions(app, 'pre', 'use', 'listen') && app['server'] instanceof Server)
    return nodeServer('Restify', app['server']);
  if (application instanceof Server) return nodeServer('http.Server', application);
  return undefined;
}

function isExpress(app: Members): boolean {
  return (
    typeof app === 'function' &&
    hasFunctions(app, 'handle', 'set') &&
    isObject(app['request']) &&
    isObject(app['response'])
  );
}

function express(app: Members): Framework {
  const prototypes = { request: app['request'] as object, response: app['response'] as object };
  return { name: 'Express', prepare: async () => ({ listener: app as unknown as NodeFunction, prototypes }) };
}

function koa(app: Members): Framework {
  return { name: 'Koa', prepare: async () => ({ listener: call(app, 'callback') as NodeFunction }) };
}

function fastify(app: Members): Framework {
  return {
    name: 'Fastify',
    async prepare() {
      await call(app, 'ready');
      return { listener: app['routing'] as NodeFunction };
    },
  };
}

function polka(app: Members): Framework {
  return { name: 'Polka', prepare: async () => ({ listener: app['handler'] as NodeFunction }) };
}

/** Nest runs on Express or on Fastify; theirs is what serves. */
function nest(app: Members): Framework {
  return {
    name: 'Nest',
    async prepare() {
      await call(app, 'init');
      const inner: unknown = call(call(app, 'getHttpAdapter') as Members, 'getInstance');
      const framework = await frameworkOf(inner);
      if (framework !== undefined) return framework.prepare();
      if (typeof inner === 'function') return { listener: inner as NodeFunction };
      throw new TypeError('its HTTP adapter is neither of Express nor of Fastify');
    },
  };
}

/** Hapi listens to the `request` event of a server of its own. */
function hapi(app: Members): Framework {
  return {
    name: 'Hapi',
    async prepare() {
      await call(app, 'initialize');
      return nodeServer('Hapi', app['listener'] as Server).prepare();
    },
  };
}

function nodeServer(name: string, server: Server): Framework {
  return {
    name,
    async prepare() {
      return {
        listener: (req, res) => {
          server.emit('request', req, res);
        },
      };
    },
  };
}

function call(object: Members, name: string): unknown {
  const method = object[name];
  if (typeof method !== 'function') throw new TypeError(`it has no ${name}()`);
  return method.call(object);
}

function hasFunctions(app: Members, ...names: readonly string[]): boolean {
  return names.every((name) => typeof app[name] === 'function');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
