import { ChaussetteError } from '../errors.js';

/** Where to serve, parsed once. */
export type Address =
  /** `host` is a name, a numeric address without brackets, or empty for every address of the machine. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `path` begins with `@` for the abstract namespace (unix(7)). */
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'fd'; readonly fd: number }
  /** A socket that systemd passes, by its FileDescriptorName. */
  | { readonly kind: 'systemd'; readonly name: string };

/** sun_path holds 108 bytes with the NUL at the end (unix(7)). */
const unixPathBytesMax = 107;
const forms = 'HOST:PORT, [IPv6]:PORT, unix:/PATH, fd://N or sd:NAME';

/** Read `HOST:PORT`, `[::1]:8080`, `:8080`, `unix:/path`, `fd://3` or `sd:web`.
 *  @param label What people call the option: `--bind`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export function parseAddress(text: string, label = '--bind'): Address {
  const special = parseSpecial(text, label);
  if (special !== undefined) return special;
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    const remedy = isIPv6(text) ? `write [${text}]:8080` : `it must be ${forms}`;
    throw usage(`${label} is ${JSON.stringify(text)}: ${remedy}`);
  }
  return { kind: 'tcp', host: parseHostName(bracketed ?? plain ?? '', label, bracketed !== undefined), port };
}

/** Read the pair `--host`, `--port`; the host may also be `unix:/path`, `fd://N` or `sd:NAME`, as in the original.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export function parseHost(host: string, port: number, label = '--host'): Address {
  const special = parseSpecial(host, label);
  if (special !== undefined) return special;
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  return { kind: 'tcp', host: parseHostName(bare, label, bare !== host), port };
}

/** Read the number of a descriptor.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE; of what Circus did not expand it says so. */
export function parseDescriptor(text: string, label = '--fd'): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  const quoted = `${label} is '${text}'`;
  const expression = /\$\(|\(\(|\$\{/.test(text);
  if (!expression) throw usage(`${quoted}: it must be the number of a descriptor, from 0`);
  const name = /([\w-]+)\)*\}?$/.exec(text)?.[1] ?? 'NAME';
  throw usage(
    `${quoted}: the process manager did not expand it to a number`,
    `In circus.ini write --fd $(circus.sockets.${name}), with use_sockets = True and a section [socket:${name}].`,
  );
}

/** Whether it is a numeric address of that version, as node:net's isIP has it; node:net itself would take 4 ms of each
 *  start, and its pattern for IPv6 as much again.
 *  @returns 0 for what is none. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (!text.includes(':')) return ipv4.test(text) ? 4 : 0;
  return ipv6.test(text) && URL.canParse(`http://[${text.replace(/%.*/, '')}]/`) ? 6 : 0;
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
/** The characters; the zone is not the URL parser's to judge (RFC 4007 §11). */
const ipv6 = /^[\da-f:.]+(?:%[\da-z.:-]+)?$/i;

function isIPv6(text: string): boolean {
  return ipVersion(text) === 6;
}

/** What people read, and what `parseAddress` reads back. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case 'tcp':
      return formatTcp(address.host, address.port);
    case 'unix':
      return `unix:${address.path}`;
    case 'fd':
      return `fd://${address.fd}`;
    case 'systemd':
      return `sd:${address.name}`;
  }
}

/** `127.0.0.1:8000`, `[::1]:8000`. */
export function formatTcp(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host === '' ? '*' : host}:${port}`;
}

function parseSpecial(text: string, label: string): Address | undefined {
  if (text.startsWith('fd:')) {
    return { kind: 'fd', fd: parseDescriptor(text.replace(/^fd:(\/\/)?/, ''), label) };
  }
  if (text.startsWith('sd:')) {
    const name = text.slice('sd:'.length);
    if (name === '') throw usage(`${label} is 'sd:': name the socket, as in sd:web (FileDescriptorName=web)`);
    return { kind: 'systemd', name };
  }
  if (text.startsWith('unix:')) return parseUnix(text.slice('unix:'.length), label);
  return undefined;
}

function parseUnix(text: string, label: string): Address {
  const path = text.replace(/^\/\/(?=[/@.])/, '');
  if (path === '' || path.includes('\0'))
    throw usage(`${label} is 'unix:${text}': give a path, as in unix:/run/web.sock`);
  const bytes = Buffer.byteLength(path);
  if (bytes > unixPathBytesMax) {
    throw usage(
      `${label} is 'unix:${path}': the path has ${bytes} bytes, and a Unix socket's has ${unixPathBytesMax} at most`,
      'Use a shorter directory, or a path relative to the working directory.',
    );
  }
  return { kind: 'unix', path };
}

function parseHostName(host: string, label: string, bracketed: boolean): string {
  if (host === '*' || host === '') return '';
  if (bracketed ? isIPv6(host) : /^[\w.-]+$/.test(host) || isIPv6(host)) return host;
  throw usage(`${label} is ${JSON.stringify(host)}: it must be a host name or an address`);
}

function usage(message: string, hint?: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message, hint === undefined ? {} : { hint });
}
