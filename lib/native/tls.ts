import { createRequire } from 'node:module';
import { type TlsIdentity, type TlsSettings, ticketKeys } from '../tls/settings.js';
import type { NativeTls } from './binding.js';

export { NativeTlsSocket } from './tls-socket.js';

/** Bytes of OpenSSL's ticket keys: a name, and two keys. */
export const ticketKeyBytes = 80;
const versions = { 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 } as const;
export const noBytes = Buffer.alloc(0);

/** The settings as the core takes them. */
export function nativeTls(settings: TlsSettings): NativeTls {
  const { names, ticketSecret } = settings;
  const shared = {
    ...splitCiphers(settings.ciphers ?? nodeCiphers()),
    passphrase: '',
    authorities: settings.ca ?? '',
    groups: '',
    ticketKeys: ticketSecret === undefined ? noBytes : ticketKeys(ticketSecret, ticketKeyBytes),
    protocols: wireProtocols(['http/1.1']),
    versionMin: versions[settings.minVersion],
    versionMax: 0,
    preferOwnCiphers: true,
    requestCertificate: settings.verify !== 'none',
    requireCertificate: settings.verify === 'required',
  };
  const of = ({ cert, key }: TlsIdentity): NativeTls => ({ ...shared, identities: [cert, key], names: [] });
  return {
    ...of(settings.identity),
    names: names.flatMap(({ pattern, identity }) => [pattern, of(identity)]),
  };
}

/** node:tls is loaded here: servers that have no TLS load this file as well. */
function nodeCiphers(): string {
  return (createRequire(import.meta.url)('node:tls') as typeof import('node:tls')).DEFAULT_CIPHERS;
}

/** OpenSSL takes those of TLS 1.3 apart from the others. */
export function splitCiphers(list: string): { readonly ciphers: string; readonly cipherSuites: string } {
  const names = list.split(':').filter((name) => name !== '');
  const isSuite = (name: string): boolean => name.startsWith('TLS_');
  return {
    ciphers: names.filter((name) => !isSuite(name)).join(':'),
    cipherSuites: names.filter(isSuite).join(':'),
  };
}

/** @see RFC 7301 §3.1 */
export function wireProtocols(names: readonly string[]): Buffer {
  return Buffer.concat(
    names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')),
  );
}
