import { ChaussetteError } from '../errors.js';
import type { Exchange, Handler, InterfaceName } from '../exchange.js';
import { requestAt } from '../interfaces/fetch-request.js';
import { type Application, handlerFor } from '../interfaces/index.js';
import type { NodePrototypes } from '../interfaces/node.js';
import { covers, type Mounted, MountTable, type Place, parsePlace, showPlace } from './mount-table.js';

/** What a request of node:http says of a prefix, in Express' words. */
interface NodePlace {
  baseUrl?: string;
  originalUrl?: string;
}

type OfInterface<Name extends InterfaceName> = Extract<Application, { interface: Name }>;

/** Let an application see a request as if its prefix were the root. A path that is not below it, since a proxy has taken
 *  the prefix off, stays as it is:
 *  - node: `req.url` without it, `req.baseUrl` with it, `req.originalUrl` as it came;
 *  - fetch: `request.url` without it, `baseUrl` in the second argument;
 *  - wsgi: SCRIPT_NAME and PATH_INFO.
 *  @param path Of a Place. */
export function mountAt(application: Application, path: string): Application {
  if (path === '') return application;
  if (application.interface === 'node') return mountNode(application, encodeURI(path));
  if (application.interface === 'fetch') return mountFetch(application, encodeURI(path));
  return mountWsgi(application, bytesOf(path));
}

function mountNode({ call, prototypes }: OfInterface<'node'>, prefix: string): Application {
  return {
    interface: 'node',
    prototypes,
    call: (req, res) => {
      const place = req as NodePlace;
      const url = req.url ?? '/';
      const path = pathOf(url);
      const rest = withoutPrefix(path, prefix);
      place.originalUrl ??= rest === undefined ? prefix + path : url;
      place.baseUrl = (place.baseUrl ?? '') + prefix;
      req.url = rest ?? path;
      return call(req, res);
    },
  };
}

function mountFetch({ call }: OfInterface<'fetch'>, prefix: string): Application {
  return {
    interface: 'fetch',
    call: (request, environment) => {
      const { url } = request;
      const start = url.indexOf('/', url.indexOf('//') + 2);
      const path = url.slice(start);
      const moved = url.slice(0, start) + (withoutPrefix(path, prefix) ?? path);
      const { baseUrl = '' } = environment as { baseUrl?: string };
      return call(requestAt(request, moved), { ...environment, baseUrl: baseUrl + prefix });
    },
  };
}

function mountWsgi({ call }: OfInterface<'wsgi'>, prefix: string): Application {
  return {
    interface: 'wsgi',
    call: (environ, startResponse) => {
      const path = environ.PATH_INFO;
      environ.SCRIPT_NAME += prefix;
      if (covers(prefix, path)) environ.PATH_INFO = path.slice(prefix.length);
      return call(environ, startResponse);
    },
  };
}

/** One application of several that have the same interface: Paste's urlmap.
 *  @param notFound Called when none is mounted where a request goes. Default: 404.
 *  @throws {Error} saying which two share a place, or differ in their interface. */
export function urlMap(mounts: readonly Mounted<Application>[], notFound?: Application): Application {
  const first = mounts[0];
  if (first === undefined) throw new Error('there is no application in it');
  const all = notFound === undefined ? mounts : [...mounts, { place: first.place, value: notFound }];
  const other = all.find(({ value }) => value.interface !== first.value.interface);
  if (other !== undefined) {
    const [one, two] = [first, other].map(({ place, value }) => `${showPlace(place)} is ${value.interface}`);
    throw new Error(`its applications have several interfaces (${one}, ${two}): a urlmap needs one`);
  }
  switch (first.value.interface) {
    case 'node':
      return nodeMap(tableOf<'node'>(mounts, encodeURI), notFound as OfInterface<'node'> | undefined);
    case 'fetch':
      return fetchMap(tableOf<'fetch'>(mounts, encodeURI), notFound as OfInterface<'fetch'> | undefined);
    case 'wsgi':
      return wsgiMap(tableOf<'wsgi'>(mounts, bytesOf), notFound as OfInterface<'wsgi'> | undefined);
  }
}

function tableOf<Name extends InterfaceName>(
  mounts: readonly Mounted<Application>[],
  encode: (path: string) => string,
): MountTable<OfInterface<Name>> {
  return fill(mounts, encode, (value, path) => mountAt(value, path) as OfInterface<Name>);
}

function fill<T>(
  mounts: readonly Mounted<Application>[],
  encode: (path: string) => string,
  make: (application: Application, path: string) => T,
): MountTable<T> {
  const table = new MountTable<T>();
  for (const { place, value } of mounts) {
    const encoded: Place = { host: place.host, path: encode(place.path) };
    if (!table.add(encoded, make(value, place.path))) {
      throw new Error(`two applications are mounted at ${showPlace(place)}`);
    }
  }
  return table;
}

function nodeMap(table: MountTable<OfInterface<'node'>>, notFound?: OfInterface<'node'>): Application {
  return {
    interface: 'node',
    call: (req, res) => {
      const url = req.url ?? '/';
      const port =
        table.hasHosts && (req.socket as { encrypted?: unknown }).encrypted === true ? '443' : '80';
      const found = table.find(req.headers.host ?? '', port, withoutQuery(pathOf(url))) ?? notFound;
      if (found !== undefined) return found.call(req, res);
      res.statusCode = 404;
      res.setHeader('content-type', plainText);
      return res.end(nothingHere);
    },
  };
}

function fetchMap(table: MountTable<OfInterface<'fetch'>>, notFound?: OfInterface<'fetch'>): Application {
  return {
    interface: 'fetch',
    call: (request, environment) => {
      const [, scheme, host = '', path = ''] = /^(https?):\/\/([^/]*)([^?]*)/.exec(request.url) ?? [];
      const found = table.find(host, scheme === 'https' ? '443' : '80', path) ?? notFound;
      if (found !== undefined) return found.call(request, environment);
      return new Response(nothingHere, { status: 404, headers: { 'content-type': plainText } });
    },
  };
}

function wsgiMap(table: MountTable<OfInterface<'wsgi'>>, notFound?: OfInterface<'wsgi'>): Application {
  return {
    interface: 'wsgi',
    call: (environ, startResponse) => {
      const host = environ['HTTP_HOST'] ?? environ.SERVER_NAME;
      const port = environ['wsgi.url_scheme'] === 'https' ? '443' : '80';
      const found = table.find(String(host), port, environ.PATH_INFO) ?? notFound;
      if (found !== undefined) return found.call(environ, startResponse);
      startResponse('404 Not Found', [['Content-Type', plainText]]);
      return [nothingHere];
    },
  };
}

/** A handler for several applications, each with an interface of its own: `--mount`.
 *  @param rootPath Where a proxy shows them all; it may take that off the target.
 *  @throws {Error} saying which two share a place. */
export function mountHandler(mounts: readonly Mounted<Application>[], rootPath = ''): Handler {
  return new MountHandler(mounts, rootPath);
}

class MountHandler implements Handler {
  readonly interface: InterfaceName;
  readonly nodePrototypes?: NodePrototypes;
  readonly #table = new MountTable<Handler>();

  constructor(mounts: readonly Mounted<Application>[], rootPath: string) {
    for (const { place, value } of mounts) {
      const handler = handlerFor(mountAt(mountAt(value, place.path), rootPath));
      for (const root of rootPath === '' ? [''] : ['', rootPath]) {
        const path = root + place.path;
        if (this.#table.add({ host: place.host, path: encodeURI(path) }, handler)) continue;
        throw new Error(`two applications are mounted at ${showPlace({ host: place.host, path })}`);
      }
    }
    // A backend makes the objects of node:http when it is asked to: one that needs them is enough.
    const ofNode = mounts.flatMap(({ value }) => (value.interface === 'node' ? [value] : []));
    this.interface = ofNode.length > 0 ? 'node' : (mounts[0]?.value.interface ?? 'fetch');
    // The prototypes of one application are none of another's.
    const prototypes = ofNode.length === 1 ? ofNode[0]?.prototypes : undefined;
    if (prototypes !== undefined) this.nodePrototypes = prototypes;
  }

  handle(exchange: Exchange): void {
    const { target, scheme } = exchange;
    const absolute = target.charCodeAt(0) === slash ? null : absoluteForm.exec(target);
    const host = absolute?.[1] ?? exchange.headers.get('host') ?? '';
    const found = this.#table.find(host, scheme === 'https' ? '443' : '80', withoutQuery(pathOf(target)));
    if (found !== undefined) found.handle(exchange);
    else exchange.respond(404, '', ['content-type', plainText], nothingHere);
  }
}

/** Read `/blog=blog.app`, as `--mount` takes it.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export function parseMount(text: string): Mounted<string> {
  const equals = text.indexOf('=');
  const spec = text.slice(equals + 1).trim();
  try {
    if (equals < 0 || spec === '') throw new Error('it names no application');
    return { place: parsePlace(text.slice(0, equals)), value: spec };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ChaussetteError('CHAUSSETTE_ERR_USAGE', `--mount is ${JSON.stringify(text)}: ${why}`, {
      hint: 'Write --mount /blog=blog.app, or --mount http://example.com/blog=blog.app.',
      cause,
    });
  }
}

const slash = 47;
const absoluteForm = /^https?:\/\/([^/?]*)/i;
const plainText = 'text/plain; charset=utf-8';
const nothingHere = 'Not Found: no application is mounted here\n';

/** Of a target in absolute-form the rest behind the authority. */
function pathOf(target: string): string {
  if (target.charCodeAt(0) === slash) return target;
  const absolute = absoluteForm.exec(target);
  if (absolute === null) return target;
  const rest = target.slice(absolute[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function withoutQuery(path: string): string {
  const question = path.indexOf('?');
  return question < 0 ? path : path.slice(0, question);
}

/** A path that is all prefix becomes `/`. @returns undefined for one that is not below it. */
function withoutPrefix(path: string, prefix: string): string | undefined {
  if (!covers(prefix, withoutQuery(path))) return undefined;
  const rest = path.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** As PATH_INFO has it: one character per byte. */
function bytesOf(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1');
}
