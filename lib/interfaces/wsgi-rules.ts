import { describe } from './describe.js';

// What PEP 3333 asks for, as functions that say what is wrong: one sentence, or undefined.

const requiredKeys = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'QUERY_STRING',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
  'wsgi.version',
  'wsgi.url_scheme',
  'wsgi.input',
  'wsgi.errors',
  'wsgi.multithread',
  'wsgi.multiprocess',
  'wsgi.run_once',
] as const;

const inputMethods = ['read', 'readline', 'readlines', Symbol.iterator] as const;
const errorsMethods = ['write', 'writelines', 'flush'] as const;
const hopByHop =
  /^(?:connection|keep-alive|proxy-authenticate|proxy-authorization|te|trailers?|transfer-encoding|upgrade)$/i;
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** The environ of a request (PEP 3333, "environ Variables"). */
export function environFault(environ: unknown): string | undefined {
  if (typeof environ !== 'object' || environ === null)
    return `environ is ${describe(environ)}, not an object`;
  const prototype: unknown = Object.getPrototypeOf(environ);
  if (prototype !== Object.prototype && prototype !== null)
    return `environ is ${describe(environ)}, not a plain object`;
  const values = environ as Readonly<Record<string, unknown>>;
  const absent = requiredKeys.find((key) => !Object.hasOwn(values, key));
  if (absent !== undefined) return `environ has no ${absent}`;
  for (const key of ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']) {
    if (Object.hasOwn(values, key)) return `environ has ${key}: it is called ${key.slice('HTTP_'.length)}`;
  }
  for (const [key, value] of Object.entries(values)) {
    if (key.includes('.')) continue;
    if (typeof value !== 'string') return `environ ${key} is ${describe(value)}, not a string`;
    if (/[^\0-\xff]/.test(value))
      return `environ ${key} has a character in it that is no byte: ${describe(value)}`;
  }
  return cgiFault(values as Readonly<Record<string, string>>) ?? serverObjectsFault(values);
}

function cgiFault(values: Readonly<Record<string, string>>): string | undefined {
  const { REQUEST_METHOD: method = '', SCRIPT_NAME: script = '', PATH_INFO: path = '' } = values;
  for (const key of ['REQUEST_METHOD', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL'] as const) {
    if (values[key] === '') return `environ ${key} is empty`;
  }
  if (!token.test(method)) return `REQUEST_METHOD is ${describe(method)}, not a method`;
  if (script === '/') return "SCRIPT_NAME is '/': it should be '', and PATH_INFO '/'";
  if (script !== '' && !script.startsWith('/'))
    return `SCRIPT_NAME is ${describe(script)}: it must begin with /`;
  if (script === '' && path === '') return 'both SCRIPT_NAME and PATH_INFO are empty';
  const free = method === 'CONNECT' || (method === 'OPTIONS' && path === '*');
  if (path !== '' && !path.startsWith('/') && !free)
    return `PATH_INFO is ${describe(path)}: it must begin with /`;
  const length = values['CONTENT_LENGTH'] ?? '';
  if (!/^\d*$/.test(length)) return `CONTENT_LENGTH is ${describe(length)}, not a number`;
  if (!/^\d+$/.test(values['SERVER_PORT'] ?? ''))
    return `SERVER_PORT is ${describe(values['SERVER_PORT'])}, not a number`;
  return undefined;
}

function serverObjectsFault(values: Readonly<Record<string, unknown>>): string | undefined {
  const version = values['wsgi.version'];
  if (!Array.isArray(version) || version.length !== 2 || version[0] !== 1 || version[1] !== 0) {
    return `wsgi.version is ${describe(version)}, not [1, 0]`;
  }
  const scheme = values['wsgi.url_scheme'];
  if (scheme !== 'http' && scheme !== 'https')
    return `wsgi.url_scheme is ${describe(scheme)}, not http or https`;
  for (const key of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']) {
    if (typeof values[key] !== 'boolean') return `${key} is ${describe(values[key])}, not true or false`;
  }
  const wrapper = values['wsgi.file_wrapper'];
  if (wrapper !== undefined && typeof wrapper !== 'function')
    return `wsgi.file_wrapper is ${describe(wrapper)}, not a function`;
  return (
    methodsFault('wsgi.input', values['wsgi.input'], inputMethods) ??
    methodsFault('wsgi.errors', values['wsgi.errors'], errorsMethods)
  );
}

function methodsFault(
  name: string,
  value: unknown,
  methods: readonly (string | symbol)[],
): string | undefined {
  const members = Object(value) as Readonly<Record<string | symbol, unknown>>;
  const absent = methods.find((method) => typeof members[method] !== 'function');
  return absent === undefined ? undefined : `${name} has no method ${String(absent)}`;
}

/** The status of a response: `200 OK`. */
export function statusFault(status: unknown): string | undefined {
  if (typeof status !== 'string') return `the status is ${describe(status)}, not a string`;
  const code = hasControl(status) ? undefined : /^(\d{3}) .+$/.exec(status)?.[1];
  if (code === undefined) return `the status is ${describe(status)}: it has the form "200 OK"`;
  if (Number(code) < 200) return `the status is ${describe(status)}: a response has 200 or more`;
  return undefined;
}

/** The header fields of a response (PEP 3333, "The start_response() Callable"). */
export function headersFault(headers: unknown): string | undefined {
  if (!Array.isArray(headers)) return `the headers are ${describe(headers)}, not an array`;
  for (const pair of headers as readonly unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) return `a header is ${describe(pair)}, not [name, value]`;
    const [name, value] = pair as unknown as readonly [unknown, unknown];
    if (typeof name !== 'string') return `the name of a header is ${describe(name)}, not a string`;
    if (typeof value !== 'string') return `the value of ${name} is ${describe(value)}, not a string`;
    if (!token.test(name)) return `${describe(name)} is no name of a header`;
    if (/[-_]$/.test(name)) return `the header ${name} ends in ${name.slice(-1)}`;
    if (name.toLowerCase() === 'status') return 'there is a header Status: the status is the first argument';
    if (hopByHop.test(name)) return `the header ${name} belongs to the server`;
    if (hasControl(value)) return `the value of ${name} has a control character in it`;
    if (/[^\0-\xff]/.test(value)) return `the value of ${name} has a character in it that is no byte`;
  }
  return undefined;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** A piece of a body. */
export function chunkFault(chunk: unknown, of: string): string | undefined {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return undefined;
  return `${of} is ${describe(chunk)}: a body is made of strings and bytes`;
}

/** What an application returned. */
export function resultFault(result: unknown): string | undefined {
  if (typeof result === 'string' || result instanceof Uint8Array) {
    return `the application returned ${describe(result)}: return it in an array, or it would be sent in single pieces`;
  }
  const iterable = Object(result) as { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown };
  if (typeof iterable[Symbol.iterator] === 'function') return undefined;
  if (typeof iterable[Symbol.asyncIterator] === 'function') return undefined;
  return `the application returned ${describe(result)}, not an iterable; if there is no body, return []`;
}

/** Content-Length of header fields that have no fault. @returns undefined without one. */
export function lengthOf(headers: readonly (readonly [string, string])[]): number | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  return value === undefined ? undefined : Number(value);
}
