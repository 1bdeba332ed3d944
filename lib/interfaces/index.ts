import { ChaussetteError } from '../errors.js';
import type { Handler, InterfaceName } from '../exchange.js';
import { describe } from './describe.js';
import { type FetchFunction, fetchHandler } from './fetch.js';
import { type Framework, frameworkOf } from './frameworks.js';
import { type NodeFunction, type NodePrototypes, nodeHandler } from './node.js';
import { type WsgiApplication, wsgiHandler } from './wsgi.js';

export { installLightResponse, isLightInstalled } from './fetch-globals.js';

/** An application that is ready to be called, and how. */
export type Application =
  | {
      readonly interface: 'node';
      readonly call: NodeFunction;
      readonly prototypes?: NodePrototypes | undefined;
    }
  | { readonly interface: 'fetch'; readonly call: FetchFunction }
  | { readonly interface: 'wsgi'; readonly call: WsgiApplication };

/** Take the interface off an import string: `wsgi:blog.app` and `wsgi:./blog.ts:app`. A module of that name is
 *  meant by `wsgi:app`, where no further dot, colon or slash follows. */
export function splitInterface(spec: string): { readonly spec: string; readonly interface?: InterfaceName } {
  const rest = /^wsgi:(.*[.:/].*)$/s.exec(spec)?.[1];
  return rest === undefined ? { spec } : { spec: rest, interface: 'wsgi' };
}

/** Put an application behind the interface that it was written for; see resolveApplication. */
export async function createHandler(
  application: unknown,
  options: { readonly interface: 'auto' | InterfaceName },
): Promise<Handler> {
  return handlerFor(await resolveApplication(application, options.interface));
}

export function handlerFor(application: Application): Handler {
  switch (application.interface) {
    case 'node':
      return nodeHandler(application.call, application.prototypes);
    case 'fetch':
      return fetchHandler(application.call);
    case 'wsgi':
      return wsgiHandler(application.call);
  }
}

/** Find what to call of an application.
 *  @param wanted `auto` goes by what the application is; never by the number of its parameters.
 *  @returns When the application is ready (Fastify and Nest start first).
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_APP_INVALID with what it is; CHAUSSETTE_ERR_APP_THREW when it does not
 *  get ready. */
export async function resolveApplication(
  application: unknown,
  wanted: 'auto' | InterfaceName,
): Promise<Application> {
  if (wanted === 'wsgi') {
    if (typeof application !== 'function') throw notAnApplication(application, wanted);
    return { interface: 'wsgi', call: application as WsgiApplication };
  }
  if (wanted !== 'node') {
    const fetch = fetchOf(application, wanted === 'fetch');
    if (fetch !== undefined) return { interface: 'fetch', call: fetch };
    if (wanted === 'fetch') throw notAnApplication(application, wanted);
  }
  const framework = await frameworkOf(application);
  if (framework !== undefined) return prepare(framework);
  if (typeof application === 'function' && !isClass(application))
    return { interface: 'node', call: application as NodeFunction };
  throw notAnApplication(application, wanted);
}

async function prepare(framework: Framework): Promise<Application> {
  try {
    const { listener, prototypes } = await framework.prepare();
    return { interface: 'node', call: listener, prototypes };
  } catch (cause) {
    const message = `the ${framework.name} application did not get ready: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ChaussetteError('CHAUSSETTE_ERR_APP_THREW', message, { cause });
  }
}

/** @param forced A bare function is meant, too. */
function fetchOf(application: unknown, forced: boolean): FetchFunction | undefined {
  if ((typeof application === 'object' && application !== null) || typeof application === 'function') {
    const { fetch } = application as { fetch?: unknown };
    if (typeof fetch === 'function') return fetch.bind(application) as FetchFunction;
  }
  return forced && typeof application === 'function' && !isClass(application)
    ? (application as FetchFunction)
    : undefined;
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

const shapes = {
  auto: 'a function, an object with a fetch function, or an application of Express, Koa, Fastify, Nest, Hapi, Polka, Restify or Hono',
  node: 'a function (req, res), or an application of Express, Koa, Fastify, Nest, Hapi, Polka or Restify',
  fetch: 'a function (request) => Response, or an object with such a fetch function',
  wsgi: 'a function (environ, startResponse) => iterable of strings or bytes',
} as const;

function notAnApplication(application: unknown, wanted: 'auto' | InterfaceName): ChaussetteError {
  const kind = wanted === 'auto' ? 'an application' : `an application for the ${wanted} interface`;
  return new ChaussetteError('CHAUSSETTE_ERR_APP_INVALID', `${describe(application)} is not ${kind}`, {
    hint: `What is needed is ${shapes[wanted]}.`,
  });
}
