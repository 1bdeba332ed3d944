import { fstatSync, readSync } from 'node:fs';
import type { Exchange } from '../exchange.js';
import type { WsgiInput } from './wsgi-input.js';

/** `wsgi.errors`: text goes to standard error. */
export interface WsgiErrors {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void;
}

/** PEP 3333, "environ Variables". Strings hold one byte per character where they come from the wire (PEP 3333,
 *  "Unicode Issues"): `Buffer.from(environ.PATH_INFO, 'latin1')` are its bytes. */
export interface Environ {
  REQUEST_METHOD: string;
  SCRIPT_NAME: string;
  PATH_INFO: string;
  QUERY_STRING: string;
  CONTENT_TYPE: string;
  CONTENT_LENGTH: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  SERVER_PROTOCOL: string;
  REMOTE_ADDR: string;
  REMOTE_PORT: string;
  'wsgi.version': readonly [number, number];
  'wsgi.url_scheme': 'http' | 'https';
  'wsgi.input': WsgiInput;
  'wsgi.errors': WsgiErrors;
  'wsgi.multithread': boolean;
  'wsgi.multiprocess': boolean;
  'wsgi.run_once': boolean;
  'wsgi.file_wrapper': typeof FileWrapper;
  /** HTTP_* and what middleware adds. */
  [key: string]: unknown;
}

const version = [1, 0] as const;

const errors: WsgiErrors = {
  write: (text) => void process.stderr.write(text),
  writelines: (lines) => {
    for (const line of lines) process.stderr.write(line);
  },
  flush: () => {},
};

/** Header names as they came, and their keys; '' for those that never become one. */
const keys = new Map<string, string>();
const keysMax = 512;

/** @returns `HTTP_…`, or '' for a name that is not handed over: one with `_` could pretend to be another one with
 *  `-`, and `Proxy` would become HTTP_PROXY, which HTTP clients obey. */
function keyOf(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const upper = name.toUpperCase();
  const own = upper === 'CONTENT-TYPE' || upper === 'CONTENT-LENGTH';
  const dropped = upper === 'PROXY' || upper.includes('_');
  const key = dropped ? '' : `${own ? '' : 'HTTP_'}${upper.replaceAll('-', '_')}`;
  if (keys.size < keysMax) keys.set(name, key);
  return key;
}

/** The environment of one request.
 *  @param bodyBytes -1 when the request has no body. */
export function buildEnviron(exchange: Exchange, input: WsgiInput, bodyBytes: number): Environ {
  const { remote, local, headers, scheme, target } = exchange;
  const absolute = target.charCodeAt(0) === 47 ? null : /^https?:\/\/([^/?]*)(.*)$/is.exec(target);
  const path = absolute === null ? target : (absolute[2] ?? '');
  const question = path.indexOf('?');
  const unix = local.family === 'unix';
  const environ: Environ = {
    REQUEST_METHOD: exchange.method,
    SCRIPT_NAME: '',
    PATH_INFO: decodePath(question < 0 ? path : path.slice(0, question)),
    QUERY_STRING: question < 0 ? '' : path.slice(question + 1),
    CONTENT_TYPE: '',
    CONTENT_LENGTH: '',
    SERVER_NAME: unix ? 'localhost' : local.address,
    SERVER_PORT: unix ? (scheme === 'https' ? '443' : '80') : String(local.port),
    SERVER_PROTOCOL: exchange.httpVersion === '1.1' ? 'HTTP/1.1' : `HTTP/${exchange.httpVersion}`,
    REMOTE_ADDR: remote.address,
    REMOTE_PORT: remote.port === 0 ? '' : String(remote.port),
    'wsgi.version': version,
    'wsgi.url_scheme': scheme,
    'wsgi.input': input,
    'wsgi.errors': errors,
    'wsgi.multithread': false,
    'wsgi.multiprocess': true,
    'wsgi.run_once': false,
    'wsgi.file_wrapper': FileWrapper,
  };
  const { raw } = headers;
  for (let index = 0; index < raw.length; index += 2) {
    const key = keyOf(raw[index] ?? '');
    if (key === '') continue;
    const before = environ[key];
    const value = raw[index + 1] ?? '';
    environ[key] =
      before === undefined || before === ''
        ? value
        : `${before}${key === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
  }
  // RFC 9112 §3.2.2: with an absolute-form target, Host does not count.
  if (absolute !== null) environ['HTTP_HOST'] = absolute[1] ?? '';
  // A chunked body was collected, too: its length is known by now.
  if (bodyBytes >= 0) environ.CONTENT_LENGTH = String(bodyBytes);
  return environ;
}

/** Percent-decode, one character per byte. What is not a valid escape stays. */
function decodePath(path: string): string {
  if (path === '') return '/';
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** What `wsgi.file_wrapper` takes: something with an open descriptor (a FileHandle, the result of fs.openSync as
 *  `{ fd }`), or with a synchronous `read(size)` that returns nothing at the end. */
export type FileLike =
  | { readonly fd: number; close?(): unknown }
  | { read(size: number): string | Uint8Array; close?(): unknown };

/** `wsgi.file_wrapper`: a file as an iterable of blocks. One with a descriptor is sent by the kernel where the backend
 *  can.
 *  @see PEP 3333, "Optional Platform-Specific File Handling" */
export class FileWrapper implements Iterable<string | Uint8Array> {
  readonly #file: FileLike;
  readonly #blockBytes: number;

  constructor(file: FileLike, blockBytes = 8192) {
    this.#file = file;
    this.#blockBytes = blockBytes;
  }

  /** The descriptor of a regular file, or undefined. */
  get fd(): number | undefined {
    if (!('fd' in this.#file) || typeof this.#file.fd !== 'number') return undefined;
    return fstatSync(this.#file.fd).isFile() ? this.#file.fd : undefined;
  }

  *[Symbol.iterator](): IterableIterator<string | Uint8Array> {
    for (;;) {
      const block = this.#read();
      if (block.length === 0) return;
      yield block;
    }
  }

  #read(): string | Uint8Array {
    if (!('fd' in this.#file)) return this.#file.read(this.#blockBytes);
    const block = Buffer.allocUnsafe(this.#blockBytes);
    return block.subarray(0, readSync(this.#file.fd, block));
  }

  close(): unknown {
    return this.#file.close?.();
  }
}
