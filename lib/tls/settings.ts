import { createRequire } from 'node:module';
import type { TlsOptions } from 'node:tls';

/** A certificate with the chain that leads to its root, and its private key; PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What a server with TLS shows, and what it asks of its clients. Files are read already. */
export interface TlsSettings {
  readonly identity: TlsIdentity;
  /** By the name that the client asks for (SNI, RFC 6066 §3): a host name, or `*.` and the rest of one. */
  readonly names: readonly { readonly pattern: string; readonly identity: TlsIdentity }[];
  /** Who signs the certificates of clients; PEM. */
  readonly ca: string | undefined;
  readonly verify: 'none' | 'optional' | 'required';
  /** In OpenSSL's format, suites of TLS 1.3 among them; undefined for Node's default. */
  readonly ciphers: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** What the keys of session tickets are made of: the same in all workers; undefined for keys of our own. */
  readonly ticketSecret: Uint8Array | undefined;
}

/** The settings as node:tls takes them. */
export function nodeTls(settings: TlsSettings): TlsOptions {
  const { identity, ca, verify, ciphers, minVersion, ticketSecret } = settings;
  return {
    ...identity,
    minVersion,
    ALPNProtocols: ['http/1.1'],
    requestCert: verify !== 'none',
    rejectUnauthorized: verify === 'required',
    ...(ca === undefined ? {} : { ca }),
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(ticketSecret === undefined ? {} : { ticketKeys: ticketKeys(ticketSecret, 48) }),
  };
}

/** Bytes for the keys of session tickets. */
export function ticketKeys(secret: Uint8Array, bytes: number): Buffer {
  const { hkdfSync } = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  return Buffer.from(hkdfSync('sha256', secret, '', 'chaussette session tickets', bytes));
}

/** The first whose pattern fits the name that a client asks for; undefined: the server's own identity serves. */
export function findName<T extends { readonly pattern: string }>(
  names: readonly T[],
  name: string,
): T | undefined {
  const wanted = name.toLowerCase();
  const dot = wanted.indexOf('.');
  const fits = (pattern: string): boolean =>
    pattern.startsWith('*.') ? dot > 0 && pattern.slice(1) === wanted.slice(dot) : pattern === wanted;
  return names.find(({ pattern }) => fits(pattern));
}
