import type { ServerOptions } from 'node:https';
import { createRequire } from 'node:module';
import type { TlsOptions } from 'node:tls';
import { ticketKeys } from '../tls/settings.js';
import type { NativeTls } from './binding.js';
import { noBytes, splitCiphers, ticketKeyBytes, wireProtocols } from './tls.js';

// What https.createServer takes, as the core takes it.

/** With one of these node:https serves: they need OpenSSL where Node has it, or call JavaScript in a handshake. */
const nodeOnly = [
  'ALPNCallback',
  'SNICallback',
  'clientCertEngine',
  'crl',
  'dhparam',
  'enableTrace',
  'handshakeTimeout',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
];

/** Whether options of createServer ask for TLS. */
export function asksForTls(options: object): boolean {
  const given = options as Readonly<Record<string, unknown>>;
  return ['key', 'cert', 'pfx', 'secureContext', 'SNICallback'].some((name) => given[name] !== undefined);
}

/** @param given node:tls has found them valid. @returns undefined for what only node:https can do. */
export function readSecureOptions(given: ServerOptions): NativeTls | undefined {
  if (nodeOnly.some((name) => (given as Record<string, unknown>)[name] !== undefined)) return undefined;
  const tls = createRequire(import.meta.url)('node:tls') as typeof import('node:tls');
  const [certs, keys, cas] = [given.cert, given.key, given.ca].map(texts);
  const versionMin = versions[given.minVersion ?? tls.DEFAULT_MIN_VERSION];
  const versionMax = versions[given.maxVersion ?? tls.DEFAULT_MAX_VERSION];
  if (certs === undefined || keys === undefined || cas === undefined) return undefined;
  if (certs.length === 0 || certs.length !== keys.length || !versionMin || !versionMax) return undefined;
  const asks = given.requestCert === true;
  // Node passes over a ca without a certificate, such as a signing request; the core refuses it.
  const authorities = cas.filter((text) => certificate.test(text));
  // Without authorities of its own, a server believes those of Node, which the core does not have.
  if (asks && authorities.length === 0) return undefined;
  const curves = given.ecdhCurve ?? tls.DEFAULT_ECDH_CURVE;
  return {
    identities: certs.flatMap((cert, i) => [cert, keys[i] ?? '']),
    passphrase: given.passphrase ?? '',
    authorities: authorities.join('\n'),
    ...splitCiphers(given.ciphers ?? tls.DEFAULT_CIPHERS),
    groups: curves === 'auto' ? '' : curves,
    ticketKeys: given.ticketKeys === undefined ? noBytes : ticketKeys(given.ticketKeys, ticketKeyBytes),
    protocols: wireProtocols(given.ALPNProtocols === undefined ? ['http/1.1'] : names(given.ALPNProtocols)),
    versionMin,
    versionMax,
    preferOwnCiphers: given.honorCipherOrder ?? true,
    requestCertificate: asks,
    requireCertificate: asks && given.rejectUnauthorized !== false,
    names: [],
  };
}

/** The PEM labels of one that OpenSSL reads. */
const certificate = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;

/** Older ones are node:https's. */
const versions: Readonly<Record<string, number>> = { 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 };

/** PEM as text; undefined for what the core cannot read, such as keys with passphrases of their own. */
function texts(given: unknown): readonly string[] | undefined {
  const all = given === undefined || given === null ? [] : Array.isArray(given) ? given : [given];
  const read = all.map((one: unknown) => {
    if (one instanceof Uint8Array) return Buffer.from(one).toString();
    return typeof one === 'string' ? one : '';
  });
  return read.every((text) => text.includes('-----BEGIN')) ? read : undefined;
}

/** Names, or their wire format. */
function names(given: NonNullable<TlsOptions['ALPNProtocols']>): string[] {
  if (Array.isArray(given)) return given.map(String);
  const bytes = Buffer.from(given as Uint8Array);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    found.push(bytes.toString('latin1', at + 1, at + 1 + (bytes[at] ?? 0)));
  }
  return found;
}
