import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ChaussetteError } from '../errors.js';
import type { Options } from '../options.js';
import type { TlsIdentity, TlsSettings } from './settings.js';

type TlsFlags = Pick<
  Options,
  'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsVerify' | 'tlsSni' | 'tlsCiphers' | 'tlsMinVersion' | 'tlsTicketKey'
>;

const soonMs = 14 * 24 * 3600 * 1000;

/** Read the files that the options name.
 *  @param warn Told of a certificate that has ended, or ends within 14 days.
 *  @returns undefined without `--tls-cert`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming option, file and what is wrong with it. */
export function readTls(options: TlsFlags, warn: (message: string) => void): TlsSettings | undefined {
  const { tlsCert, tlsKey, tlsCa, tlsVerify, tlsSni } = options;
  if (tlsCert === undefined) {
    const orphan = tlsKey ?? tlsCa ?? tlsSni[0] ?? tlsVerify;
    if (orphan === undefined) return undefined;
    throw usage(`${orphan} belongs to TLS, which needs a certificate`, 'Add --tls-cert FILE.');
  }
  if (tlsVerify !== undefined && tlsVerify !== 'none' && tlsCa === undefined) {
    throw usage(
      `--tls-verify ${tlsVerify} needs to know who signs the certificates of clients`,
      'Add --tls-ca FILE.',
    );
  }
  return {
    identity: readIdentity('--tls-cert', tlsCert, '--tls-key', tlsKey, warn),
    names: tlsSni.map((text) => readName(text, warn)),
    ca: tlsCa === undefined ? undefined : readAuthorities(tlsCa),
    verify: tlsVerify ?? (tlsCa === undefined ? 'none' : 'required'),
    ciphers: options.tlsCiphers,
    minVersion: options.tlsMinVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ticketSecret: options.tlsTicketKey === undefined ? undefined : readSecret(options.tlsTicketKey),
  };
}

/** `HOST=CERT,KEY`. */
function readName(text: string, warn: (message: string) => void): TlsSettings['names'][number] {
  const match = /^([^=,]+)=([^,]+)(?:,(.+))?$/.exec(text);
  const [, pattern = '', cert = '', key] = match ?? [];
  if (!/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(pattern)) {
    throw usage(
      `--tls-sni ${text} is not of the form HOST=CERT,KEY`,
      'For example --tls-sni www.example.com=/etc/ssl/www.pem,/etc/ssl/www.key.',
    );
  }
  const label = `--tls-sni ${pattern}`;
  return { pattern: pattern.toLowerCase(), identity: readIdentity(label, cert, label, key, warn) };
}

/** Without a key of its own, the file of the certificate must hold it. */
function readIdentity(
  certFlag: string,
  certPath: string,
  keyFlag: string,
  keyPath: string | undefined,
  warn: (message: string) => void,
): TlsIdentity {
  const cert = readText(certFlag, certPath);
  const certificate = parse(certFlag, certPath, 'a certificate in PEM', () => new X509Certificate(cert));
  if (keyPath === undefined && !cert.includes('PRIVATE KEY-----')) {
    throw usage(`${certFlag} ${certPath} holds no private key`, 'Name its file too, such as --tls-key FILE.');
  }
  const keyFile = keyPath ?? certPath;
  const key = keyPath === undefined ? cert : readText(keyFlag, keyPath);
  const parsed = parse(keyFlag, keyFile, 'a private key in PEM without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(parsed)) {
    throw usage(
      `${keyFlag} ${keyFile} is not the private key of ${certPath}`,
      'See whether both are of the same pair.',
    );
  }
  const left = Date.parse(certificate.validTo) - Date.now();
  if (left < 0) warn(`the certificate in ${certPath} is no longer valid: it ended at ${certificate.validTo}`);
  else if (left < soonMs) warn(`the certificate in ${certPath} ends soon: at ${certificate.validTo}`);
  return { cert, key };
}

function readAuthorities(path: string): string {
  const ca = readText('--tls-ca', path);
  parse('--tls-ca', path, 'a certificate in PEM', () => new X509Certificate(ca));
  return ca;
}

function readSecret(path: string): Buffer {
  const secret = readFile('--tls-ticket-key', path);
  if (secret.length >= 32) return secret;
  throw usage(
    `--tls-ticket-key ${path} holds ${secret.length} bytes: too few to be a secret`,
    'Make one with: openssl rand -out FILE 48.',
  );
}

function readText(flag: string, path: string): string {
  return readFile(flag, path).toString('utf8');
}

function readFile(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw usage(
      `${flag} ${path} cannot be read: ${messageOf(cause)}`,
      'See the path and its permissions.',
      cause,
    );
  }
}

function parse<T>(flag: string, path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const look = what.includes('key') ? 'openssl pkey' : 'openssl x509';
    throw usage(
      `${flag} ${path} is not ${what}: ${messageOf(cause)}`,
      `Look at it with: ${look} -text -noout -in ${path}.`,
      cause,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function usage(message: string, hint: string, cause?: unknown): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
