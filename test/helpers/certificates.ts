import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsIdentity, TlsSettings } from '../../lib/tls/settings.js';

// Certificates for the tests, made by openssl(1) once per process: none is kept in the tree, where it would end one day.

/** A certificate authority, and what it has signed. */
export class TestAuthority {
  readonly cert: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'chaussette-ca-'));
  #serial = 1;

  constructor(name = 'Chaussette test CA') {
    process.once('exit', () => rmSync(this.#directory, { recursive: true, force: true }));
    this.#openssl([
      'req',
      '-x509',
      ...newKey('ca.key'),
      '-out',
      'ca.pem',
      '-days',
      '60',
      '-subj',
      `/CN=${name}`,
    ]);
    this.cert = this.#read('ca.pem');
  }

  /** @param names DNS names and IP addresses. @param days Until it ends; below 0: it has ended. */
  sign(names: readonly string[], days = 30): TlsIdentity {
    const serial = String(this.#serial++);
    const alternatives = names.map((name) => (/^[0-9.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`));
    writeFileSync(join(this.#directory, 'extensions'), `subjectAltName=${alternatives.join(',')}\n`);
    this.#openssl(['req', ...newKey('one.key'), '-out', 'one.csr', '-subj', `/CN=${names[0] ?? ''}`]);
    this.#openssl([
      ...['x509', '-req', '-in', 'one.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', serial],
      ...['-out', 'one.pem', '-days', String(days), '-extfile', 'extensions'],
    ]);
    return { cert: this.#read('one.pem'), key: this.#read('one.key') };
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #read(name: string): string {
    return readFileSync(join(this.#directory, name), 'utf8');
  }
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

let authority: TestAuthority | undefined;
let settings: TlsSettings | undefined;

/** The authority of this process. */
export function testAuthority(): TestAuthority {
  authority ??= new TestAuthority();
  return authority;
}

/** A server at `localhost` and 127.0.0.1. */
export function testTls(more: Partial<TlsSettings> = {}): TlsSettings {
  settings ??= {
    identity: testAuthority().sign(['localhost', '127.0.0.1']),
    names: [],
    ca: undefined,
    verify: 'none',
    ciphers: undefined,
    minVersion: 'TLSv1.2',
    ticketSecret: undefined,
  };
  return { ...settings, ...more };
}
