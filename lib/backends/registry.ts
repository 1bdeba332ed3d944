import { ChaussetteError } from '../errors.js';
import type { Backend, Capability } from './backend.js';
import { nativeBackend } from './native.js';

/** How a backend is made: what it throws is the reason why it cannot be used here. */
export type BackendFactory = () => Pick<Backend, 'start'> | Promise<Pick<Backend, 'start'>>;

/** A backend, or why it cannot be had. */
type Found = { readonly backend: Backend } | { readonly reason: string };

/** One line of `--list-backends`. */
export interface BackendListing {
  readonly name: string;
  /** Other names, those of the original among them. */
  readonly aliases: readonly string[];
  readonly capabilities: readonly Capability[];
  /** Why it cannot be used here. */
  readonly unavailable?: string;
}

/** node:http and node:http2 are loaded only when they are asked for: they cost start-up time. */
const sources = new Map<string, () => Promise<Found>>([
  ['native', async () => nativeBackend()],
  ['http', async () => ({ backend: (await import('./http.js')).httpBackend() })],
  ['http2', async () => ({ backend: (await import('./http2.js')).http2Backend() })],
]);

/** The backends of the original. `wsgiref` is its reference; whoever named another one wanted a fast one, so these
 *  stand for the best that there is here, and its configuration files run as they are. */
const originals = [
  'bjoern',
  'eventlet',
  'fastgevent',
  'gevent',
  'geventwebsocket',
  'geventws4py',
  'meinheld',
  'socketio',
  'tornado',
  'waitress',
  'wsgiserver',
] as const;

const aliases = new Map<string, string>([
  ['wsgiref', 'http'],
  ...originals.map((name) => [name, 'best'] as const),
]);

/** Add a backend, or replace the one of that name.
 *  @param name What `--backend` takes.
 *  @param factory Called when it is asked for.
 *  @param capabilities What it can do; options that need more are refused before anything is started.
 *  @example registerBackend('mine', () => ({ start: async (sockets, handler, limits, reporter) => … }), ['http/1.1']); */
export function registerBackend(
  name: string,
  factory: BackendFactory,
  capabilities: readonly Capability[],
): void {
  sources.set(name, async () => {
    try {
      const made = await factory();
      return { backend: { name, capabilities, start: made.start.bind(made) } };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  });
}

/** What `--backend` takes, but for packages. */
export function backendNames(): readonly string[] {
  return [...sources.keys(), ...aliases.keys()];
}

/** Whether `name` is a backend or an alias that is known already. */
export function isBackendName(name: string): boolean {
  return sources.has(name) || aliases.has(name.toLowerCase());
}

/** Find the backend to use.
 *  @param name A name or an alias; undefined for the best that is available.
 *  @returns The backend, and one line for the log when it is not the one that was hoped for.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BACKEND for an unknown name, or a backend that cannot be used here. */
export async function resolveBackend(name: string | undefined): Promise<{ backend: Backend; note?: string }> {
  const wanted = name === undefined ? 'best' : sources.has(name) ? name : aliases.get(name.toLowerCase());
  if (wanted === 'best') return resolveBest();
  const source = wanted === undefined ? undefined : sources.get(wanted);
  if (source === undefined) {
    throw new ChaussetteError('CHAUSSETTE_ERR_BACKEND', `there is no backend ${JSON.stringify(name)}`, {
      hint:
        `Use one of ${[...sources.keys()].join(', ')}, or one of the original's names: ${[...aliases.keys()].join(', ')}. ` +
        `Or install a package chaussette-backend-${name}, here or in the --module-path.`,
    });
  }
  const state = await source();
  if ('backend' in state) return { backend: state.backend };
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_BACKEND',
    `the backend ${wanted} cannot be used: ${state.reason}`,
    {
      hint: 'Run without --backend, and the best one that is available serves.',
    },
  );
}

/** Every backend with its capabilities, or the reason why it is unavailable: what `--list-backends` prints.
 *  @returns The built-in ones and those that were registered; packages only when they were asked for by name. */
export async function listBackends(): Promise<readonly BackendListing[]> {
  const best = (await resolveBest()).backend.name;
  return Promise.all(
    [...sources].map(async ([name, source]) => {
      const state = await source();
      const own = [...aliases].filter(([, target]) => (target === 'best' ? best : target) === name);
      const listing = { name, aliases: own.map(([alias]) => alias) };
      return 'backend' in state
        ? { ...listing, capabilities: state.backend.capabilities }
        : { ...listing, capabilities: [], unavailable: state.reason };
    }),
  );
}

async function resolveBest(): Promise<{ backend: Backend; note?: string }> {
  const native = await sources.get('native')?.();
  if (native !== undefined && 'backend' in native) return { backend: native.backend };
  const reason = native?.reason ?? 'it is not registered';
  const { httpBackend } = await import('./http.js');
  return {
    backend: httpBackend(),
    note: `the native backend is not available, http serves instead: ${reason}`,
  };
}
