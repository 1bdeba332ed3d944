import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let made: { readonly cert: string; readonly key: string } | undefined;

/** Files of a certificate for 127.0.0.1, made by openssl(1) and gone with the process. An elliptic curve, as most
 *  servers have it. */
export function certificate(): { readonly cert: string; readonly key: string } {
  if (made !== undefined) return made;
  const directory = mkdtempSync(join(tmpdir(), 'chaussette-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  made = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', made.key, '-out', made.cert];
  const name = ['-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...name], { stdio: 'ignore' });
  return made;
}
