import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { certificate } from './certificate.js';
import { root, type ServerSpec } from './specs.js';

// Servers that are no packages of ours: measured when they are here, named as missing when they are not.

/** What a server is to do: bench/apps has it for Bun and Deno, a configuration for nginx. */
export type Job = 'hello' | 'jobs';

/** A server that is here, or why it is not measured. */
export interface Peer {
  readonly name: string;
  readonly spec?: ServerSpec;
  readonly reason?: string;
}

const folders = [
  join(root, 'node_modules/.bin'),
  join(root, '.cache/peers/node_modules/@oven/bun-linux-x64/bin'),
  join(root, '.cache/peers/node_modules/@deno/linux-x64-glibc'),
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
];

/** A script that starts the real program would be measured in its place, so only a binary counts. */
function find(program: string): string | undefined {
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path) && isElf(path));
}

function isElf(path: string): boolean {
  const magic = Buffer.alloc(4);
  const file = openSync(path, 'r');
  readSync(file, magic);
  closeSync(file);
  return magic.equals(Buffer.from('\x7fELF', 'latin1'));
}

function versionOf(program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+\S*/.exec(`${stdout}${stderr}`)?.[0] ?? 'of unknown version';
}

function keyFiles(secure: boolean): readonly string[] {
  if (!secure) return [];
  const { cert, key } = certificate();
  return [cert, key];
}

function bun(job: Job, secure: boolean): Peer {
  const name = 'Bun';
  const program = find('bun');
  if (program === undefined)
    return { name, reason: 'not installed (npm install --prefix .cache/peers @oven/bun-linux-x64)' };
  const command = (port: number) => [program, 'bench/apps/bun.js', String(port), job, ...keyFiles(secure)];
  return { name, spec: { name, version: versionOf(program, '--version'), command } };
}

function deno(job: Job, secure: boolean): Peer {
  const name = 'Deno';
  const program = find('deno');
  if (program === undefined)
    return { name, reason: 'not installed (npm install --prefix .cache/peers @deno/linux-x64-glibc)' };
  const flags = ['run', '--no-config', '--allow-net', '--allow-read', '--v8-flags=--expose-gc'];
  const command = (port: number) => [
    program,
    ...flags,
    'bench/apps/deno.js',
    String(port),
    job,
    ...keyFiles(secure),
  ];
  return { name, spec: { name, version: versionOf(program, '--version'), command } };
}

function nginx(secure: boolean): Peer {
  const name = 'nginx';
  const program = find('nginx');
  if (program === undefined) return { name, reason: 'not installed (Debian: apt-get install nginx-light)' };
  const command = (port: number) => [program, '-c', configuration(port, secure), '-e', 'stderr'];
  return { name, spec: { name, version: versionOf(program, '-v'), command } };
}

let directory: string | undefined;

/** One process, no log, an answer out of the configuration and one file. */
function configuration(port: number, secure: boolean): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'chaussette-nginx-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    mkdirSync(join(made, 'root'));
    writeFileSync(join(made, 'root/file'), Buffer.alloc(1024 * 1024, 'chaussette '));
    directory = made;
  }
  const [cert, key] = keyFiles(secure);
  const tls = secure ? `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;` : '';
  const file = join(directory, `${port}.conf`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const text = `daemon off; master_process off; pid ${directory}/${port}.pid; user root;
    worker_rlimit_nofile 65536;
    events { worker_connections 20000; }
    http {
      access_log off; keepalive_requests 1000000000; keepalive_timeout 75; default_type text/plain; sendfile on;
      ${temporary.map((kind) => `${kind}_temp_path ${directory}/${kind};`).join(' ')}
      server {
        listen 127.0.0.1:${port}${secure ? ' ssl' : ''} backlog=2048; ${tls}
        location = / { return 200 'Hello, World!'; }
        location = /gc { return 200 'collected'; }
        location = /file { root ${directory}/root; }
      }
    }`;
  writeFileSync(file, text);
  return file;
}

/** Peers by name. @param secure With bench/certificate.ts. */
export function peers(names: readonly ('Bun' | 'Deno' | 'nginx')[], job: Job, secure = false): Peer[] {
  return names.map((name) => {
    if (name === 'Bun') return bun(job, secure);
    return name === 'Deno' ? deno(job, secure) : nginx(secure);
  });
}

/** Bun and Deno, those that are here. */
export function found(): ServerSpec[] {
  return peers(['Bun', 'Deno'], 'hello').flatMap(({ spec }) => spec ?? []);
}

/** The version of an installed package. */
export function packageVersion(name: string): string {
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}
