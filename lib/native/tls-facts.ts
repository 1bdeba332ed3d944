import type { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import type { PeerCertificate } from 'node:tls';
import { keepOwn } from './base.js';
import type { NativeTlsSession } from './binding.js';
import { addon } from './layout.js';
import { coded, invalidType, outOfRange } from './node-errors.js';

// What tls.TLSSocket shows of a session, for connections whose TLS is the core's.

const kSession = Symbol('session');

/** A connection that a session is asked of. */
export interface Secured {
  readonly tlsConnection: number;
  [kSession]?: NativeTlsSession | undefined;
}

/** By the number of X509_V_ERR_* (openssl/x509_vfy.h), as Node names them. */
const verifyErrors: Readonly<Record<number, string>> = {
  2: 'UNABLE_TO_GET_ISSUER_CERT',
  3: 'UNABLE_TO_GET_CRL',
  4: 'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  5: 'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  6: 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  7: 'CERT_SIGNATURE_FAILURE',
  8: 'CRL_SIGNATURE_FAILURE',
  9: 'CERT_NOT_YET_VALID',
  10: 'CERT_HAS_EXPIRED',
  11: 'CRL_NOT_YET_VALID',
  12: 'CRL_HAS_EXPIRED',
  13: 'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  14: 'ERROR_IN_CERT_NOT_AFTER_FIELD',
  15: 'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  16: 'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  17: 'OUT_OF_MEM',
  18: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  19: 'SELF_SIGNED_CERT_IN_CHAIN',
  20: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  21: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  22: 'CERT_CHAIN_TOO_LONG',
  23: 'CERT_REVOKED',
  24: 'INVALID_CA',
  25: 'PATH_LENGTH_EXCEEDED',
  26: 'INVALID_PURPOSE',
  27: 'CERT_UNTRUSTED',
  28: 'CERT_REJECTED',
};

/** Kept from the first question on; undefined when that came after the end of the connection. */
function sessionOf(socket: Secured): NativeTlsSession | undefined {
  socket[kSession] ??= addon.tlsSession(socket.tlsConnection);
  return socket[kSession];
}

/** node:crypto is loaded here, since few servers ever look at a certificate. */
function parse(der: Buffer): X509Certificate {
  const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  return new crypto.X509Certificate(der);
}

interface Asking {
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
}

function serverOf(socket: object): Asking | undefined {
  return (socket as { server?: Asking }).server;
}

type Legacy = PeerCertificate & { issuerCertificate?: Legacy };

function legacy(der: Buffer): Legacy {
  return parse(der).toLegacyObject() as Legacy;
}

const facts = {
  /** The client has shown a certificate, and it is believed. */
  get authorized(): boolean {
    const session = sessionOf(this as unknown as Secured);
    return session !== undefined && session.certificates.length > 0 && session.verifyError === 0;
  },

  /** Why it is not, by Node's names; null when no certificate was asked for. */
  get authorizationError(): string | null {
    const session = sessionOf(this as unknown as Secured);
    if (session === undefined || !session.certificateAsked) return null;
    if (session.certificates.length === 0) return 'UNABLE_TO_GET_ISSUER_CERT';
    return session.verifyError === 0 ? null : (verifyErrors[session.verifyError] ?? 'UNSPECIFIED');
  },

  get alpnProtocol(): string | false {
    return sessionOf(this as unknown as Secured)?.application || false;
  },

  get servername(): string | false {
    return sessionOf(this as unknown as Secured)?.serverName || false;
  },

  /** @param detailed Each with its issuer, as far as the chain is known. @returns An empty object for none. */
  getPeerCertificate(detailed = false): object {
    const chain = sessionOf(this as unknown as Secured)?.certificates ?? [];
    const all = (detailed ? chain : chain.slice(0, 1)).map(legacy);
    for (const [i, one] of all.entries()) {
      if (!detailed) break;
      const issuer = all[i + 1];
      if (issuer !== undefined) one.issuerCertificate = issuer;
      else if (parse(one.raw).checkIssued(parse(one.raw))) one.issuerCertificate = one;
    }
    return all[0] ?? {};
  },

  getPeerX509Certificate(): X509Certificate | undefined {
    const der = sessionOf(this as unknown as Secured)?.certificates[0];
    return der === undefined ? undefined : parse(der);
  },

  /** The server's own. */
  getCertificate(): object {
    const der = sessionOf(this as unknown as Secured)?.ownCertificate;
    return der === undefined || der.length === 0 ? {} : legacy(der);
  },

  getX509Certificate(): X509Certificate | undefined {
    const der = sessionOf(this as unknown as Secured)?.ownCertificate;
    return der === undefined || der.length === 0 ? undefined : parse(der);
  },

  getCipher(): { name: string; standardName: string; version: string } | undefined {
    const session = sessionOf(this as unknown as Secured);
    if (session === undefined) return undefined;
    return { name: session.cipher, standardName: session.cipherStandard, version: session.cipherVersion };
  },

  getProtocol(): string | null {
    return sessionOf(this as unknown as Secured)?.protocol ?? null;
  },

  isSessionReused(): boolean {
    return sessionOf(this as unknown as Secured)?.resumed ?? false;
  },

  /** Only clients know theirs. */
  getEphemeralKeyInfo(): null {
    return null;
  },

  /** ASN.1. */
  getSession(): Buffer | undefined {
    return sessionOf(this as unknown as Secured)?.session;
  },

  /** Clients have theirs. */
  getTLSTicket(): undefined {
    return undefined;
  },

  getFinished(): Buffer | undefined {
    return sessionOf(this as unknown as Secured)?.finished;
  },

  getPeerFinished(): Buffer | undefined {
    return sessionOf(this as unknown as Secured)?.peerFinished;
  },

  getSharedSigalgs(): readonly string[] {
    return sessionOf(this as unknown as Secured)?.sharedSignatures ?? [];
  },

  /** Keying material for another use of the session (RFC 8446 §7.5).
   *  @throws {TypeError} ERR_INVALID_ARG_TYPE; {RangeError} ERR_OUT_OF_RANGE; {Error} ERR_TLS_INVALID_STATE before the
   *  handshake is complete and after the end. */
  exportKeyingMaterial(length: number, label: string, context?: NodeJS.ArrayBufferView): Buffer {
    if (typeof length !== 'number') throw invalidType('length', 'of type number', length);
    if (!Number.isInteger(length) || length < 0 || length > 0x7fffffff)
      throw outOfRange('length', '>= 0 && <= 2147483647', length);
    if (typeof label !== 'string') throw invalidType('label', 'of type string', label);
    if (context !== undefined && !ArrayBuffer.isView(context))
      throw invalidType('context', 'an instance of Buffer, TypedArray, or DataView', context);
    const bytes =
      context && Buffer.from(context.buffer as ArrayBuffer, context.byteOffset, context.byteLength);
    const material = addon.tlsKeys((this as unknown as Secured).tlsConnection, length, label, bytes);
    if (material !== undefined) return material;
    throw coded(new Error('TLS socket connection must be securely established'), 'ERR_TLS_INVALID_STATE');
  },

  /** @param size The most plain bytes of a record from now on. @returns false for what OpenSSL refuses. */
  setMaxSendFragment(size: number): boolean {
    if (typeof size !== 'number') throw invalidType('size', 'of type number', size);
    return addon.tlsRecordMax((this as unknown as Secured).tlsConnection, size);
  },

  /** The core never renegotiates: as after disableRenegotiation(). */
  renegotiate(options: object, callback?: (error: Error | null) => void): false {
    if (typeof options !== 'object' || options === null)
      throw invalidType('options', 'of type object', options);
    if (callback !== undefined && typeof callback !== 'function')
      throw invalidType('callback', 'of type function', callback);
    const error = coded(
      new Error('TLS session renegotiation disabled for this socket'),
      'ERR_TLS_RENEGOTIATION_DISABLED',
    );
    if (callback !== undefined) process.nextTick(callback, error);
    return false;
  },

  disableRenegotiation(): void {},

  /** Undocumented, and looked at to tell a TLS socket from others. */
  get _secureEstablished(): boolean {
    return sessionOf(this as unknown as Secured) !== undefined;
  },

  get secureConnecting(): boolean {
    return sessionOf(this as unknown as Secured) === undefined;
  },

  /** Undocumented as well. */
  get ssl(): object | null {
    return (this as unknown as { _handle: object | null })._handle;
  },

  get _tlsOptions(): object {
    const { _requestCert: requestCert, _rejectUnauthorized: rejectUnauthorized } = this;
    return { isServer: true, server: serverOf(this), requestCert, rejectUnauthorized };
  },

  get _requestCert(): boolean {
    return serverOf(this)?.requestCert === true;
  },

  get _rejectUnauthorized(): boolean {
    return serverOf(this)?.rejectUnauthorized !== false;
  },

  get _securePending(): boolean {
    return false;
  },

  get _newSessionPending(): boolean {
    return false;
  },

  get _controlReleased(): boolean {
    return true;
  },

  get _SNICallback(): null {
    return null;
  },

  enableTrace(): void {
    process.emitWarning("enableTrace() has no effect: TLS is the native core's", 'ChaussetteWarning');
  },
};

/** Put them on a prototype whose instances are `Secured`. */
export function addTlsFacts(prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(facts))) {
    if (descriptor.get !== undefined) descriptor.set = settable(name);
    Object.defineProperty(prototype, name, descriptor);
  }
}

/** Node keeps them as own properties, which a program may set. */
function settable(name: string): (this: object, value: unknown) => void {
  return function (value) {
    keepOwn(this, name, value);
  };
}
