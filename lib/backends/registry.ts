import { ChaussetteError } from '../errors.js';
import type { Backend, Capability } from './backend.js';
import { nativeBackend } from './native.js';

/** A backend as the registry knows it: how to get it, or why it cannot be had. */
export type BackendSource = () => Promise<{ readonly backend: Backend } | { readonly reason: string }>;

/** One line of `--list-backends`. */
export interface BackendListing {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly capabilities: readonly Capability[];
  /** Why it cannot be used here. */
  readonly unavailable?: string;
}

const sources = new Map<string, BackendSource>([
  ['native', async () => nativeBackend()],
  ['http', async () => ({ backend: await loadHttp() })],
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

/** Only when it is asked for: node:http costs start-up time. */
async function loadHttp(): Promise<Backend> {
  const { httpBackend } = await import('./http.js');
  return httpBackend();
}

/** Add a backend, or replace the one of that name.
 *  @param name What `--backend` takes. */
export function registerBackend(name: string, source: BackendSource): void {
  sources.set(name, source);
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
      hint: `Use one of ${[...sources.keys()].join(', ')}, or one of the original's names: ${[...aliases.keys()].join(', ')}.`,
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

/** Every backend with its capabilities, or the reason why it is unavailable. */
export function listBackends(): Promise<readonly BackendListing[]> {
  return Promise.all(
    [...sources].map(async ([name, source]) => {
      const state = await source();
      const best = name === 'native' ? originals : [];
      const own = [...aliases].filter(([, target]) => target === name).map(([alias]) => alias);
      const listing = { name, aliases: [...own, ...best] };
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
  return {
    backend: await loadHttp(),
    note: `the native backend is not available, http serves instead: ${reason}`,
  };
}
