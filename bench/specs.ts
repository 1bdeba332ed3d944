import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificate } from './certificate.js';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** A server that a row measures. */
export interface ServerSpec {
  readonly name: string;
  /** Of what is not ours. */
  readonly version?: string;
  /** As taskset(1) takes them; the server has one for itself otherwise. */
  readonly cores?: string;
  /** Program and arguments that serve on 127.0.0.1:port. */
  command(port: number): readonly string[];
}

export const node = process.execPath;

/** Our command on one backend. */
export function ours(
  backend: 'native' | 'http',
  application: string,
  flags: readonly string[] = [],
): ServerSpec {
  return {
    name: backend,
    command: (port) => [
      node,
      ...flags,
      join(root, 'bin/chaussette.js'),
      ...['--backend', backend, '--host', '127.0.0.1', '--port', String(port)],
      ...(application === 'wsgi' ? ['--interface', 'wsgi'] : []),
      ...['--log-level', 'warning', `bench/apps/${application}.js:app`],
    ],
  };
}

/** The same over TLS: options of ours, variables for `plain`. */
export function overTls(spec: ServerSpec): ServerSpec {
  return {
    name: spec.name === 'node:http' ? 'node:https' : spec.name,
    command: (port) => {
      const { cert, key } = certificate();
      const command = spec.command(port);
      return spec.name === 'node:http'
        ? [...command, cert, key]
        : [...command, '--tls-cert', cert, '--tls-key', key];
    },
  };
}

/** The same application without us. */
export function plain(name: string, application: string, flags: readonly string[] = []): ServerSpec {
  return {
    name,
    command: (port) => [node, ...flags, join(root, 'bench/apps/plain.js'), application, String(port)],
  };
}
