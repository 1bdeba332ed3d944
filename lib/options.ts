import { groups, type Kind, type KindValues, type Option } from './option-kinds.js';

export { groups, type Kind, type Option };

const backlogMax = 65_535;
const countMax = 2_147_483_647;

/** Every option there is: parsing, `--help` and the documentation come from here. */
export const table = {
  host: {
    kind: 'text',
    group: 'Sockets',
    unit: 'HOST',
    shown: 'localhost',
    help: 'Bind to this host; localhost is both loopbacks. Also unix:/PATH and fd://N.',
  },
  port: {
    kind: 'integer',
    group: 'Sockets',
    unit: 'PORT',
    shown: '8080',
    min: 0,
    max: 65_535,
    help: 'Bind to this TCP port; 0 for any free one.',
  },
  fd: {
    kind: 'descriptor',
    group: 'Sockets',
    unit: 'N',
    help: 'Serve on this inherited descriptor; 0 is one like any other.',
  },
  bind: {
    kind: 'list',
    group: 'Sockets',
    unit: 'ADDR',
    default: [],
    help: 'HOST:PORT, [::1]:PORT, unix:/PATH, fd://N or sd:NAME (systemd). Repeatable.',
  },
  backlog: {
    kind: 'integer',
    group: 'Sockets',
    unit: 'N',
    default: 2048,
    min: 1,
    max: backlogMax,
    help: 'Connections that may wait on a socket that we bind.',
  },
  addressFamily: {
    kind: 'text',
    group: 'Sockets',
    unit: 'NAME',
    choices: ['AF_INET', 'AF_INET6', 'AF_UNIX'],
    help: 'AF_INET, AF_INET6 or AF_UNIX; an inherited socket must be of it.',
  },
  socketType: {
    kind: 'text',
    group: 'Sockets',
    unit: 'NAME',
    choices: ['SOCK_STREAM', 'SOCK_DGRAM', 'SOCK_SEQPACKET', 'SOCK_RAW'],
    help: 'An inherited socket must be of this type. HTTP needs SOCK_STREAM.',
  },
  umask: {
    kind: 'octal',
    group: 'Sockets',
    unit: 'MASK',
    help: 'File mode creation mask for Unix sockets that we bind.',
  },
  unixMode: {
    kind: 'octal',
    group: 'Sockets',
    unit: 'MODE',
    help: 'Permissions of Unix sockets that we bind, such as 660.',
  },
  unixOwner: {
    kind: 'text',
    group: 'Sockets',
    unit: 'USER[:GROUP]',
    help: 'Owner of Unix sockets that we bind; names or numbers.',
  },
  backend: {
    kind: 'text',
    group: 'Serving',
    unit: 'NAME',
    shown: 'the best available',
    help: "What does the HTTP; see --list-backends. The original's names are aliases.",
  },
  listBackends: {
    kind: 'flag',
    group: 'Serving',
    default: false,
    command: true,
    help: 'Print each backend with its capabilities, or why it is not available.',
  },
  interface: {
    kind: 'text',
    group: 'Serving',
    unit: 'NAME',
    default: 'auto',
    choices: ['auto', 'node', 'fetch', 'wsgi'],
    help: 'How the application is called: auto, node, fetch or wsgi.',
  },
  gracefulTimeout: {
    kind: 'seconds',
    group: 'Serving',
    unit: 'S',
    default: 30,
    help: 'Seconds that open requests get on SIGTERM before they are cut.',
  },
  threads: {
    kind: 'integer',
    group: 'Serving',
    unit: 'N',
    default: 1,
    min: 1,
    max: 1024,
    help: 'Worker threads on the same sockets, each with its own copy of the application.',
  },
  maxRequests: {
    kind: 'integer',
    group: 'Serving',
    unit: 'N',
    default: 0,
    shown: 'none',
    min: 0,
    max: countMax,
    help: 'Drain and end with status 0 after so many requests; with --threads, replace the thread.',
  },
  maxRequestsJitter: {
    kind: 'integer',
    group: 'Serving',
    unit: 'N',
    default: 0,
    min: 0,
    max: countMax,
    help: 'Up to so many requests more, at random, so that not all workers end at once.',
  },
  useReloader: {
    kind: 'flag',
    group: 'Serving',
    default: false,
    help: 'Start the application anew when a file of it changes; the sockets stay open.',
  },
  tlsCert: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    aliases: ['ssl-certificate'],
    help: 'Speak TLS with this certificate and its chain (PEM). SIGHUP reads all of these files again.',
  },
  tlsKey: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    aliases: ['ssl-private-key'],
    shown: 'in --tls-cert',
    help: 'Its private key (PEM).',
  },
  tlsSni: {
    kind: 'list',
    group: 'TLS',
    unit: 'HOST=CERT,KEY',
    default: [],
    help: 'Another certificate, for clients that ask for HOST or *.HOST. Repeatable.',
  },
  tlsCa: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    help: 'Who signs the certificates of clients (PEM).',
  },
  tlsVerify: {
    kind: 'text',
    group: 'TLS',
    unit: 'NAME',
    shown: 'required with --tls-ca',
    choices: ['none', 'optional', 'required'],
    help: 'Whether clients show a certificate: none, optional or required.',
  },
  tlsMinVersion: {
    kind: 'text',
    group: 'TLS',
    unit: 'VERSION',
    default: '1.2',
    choices: ['1.2', '1.3'],
    help: 'The oldest TLS that is spoken: 1.2 or 1.3.',
  },
  tlsCiphers: {
    kind: 'text',
    group: 'TLS',
    unit: 'LIST',
    shown: "Node's",
    help: "Ciphers in OpenSSL's format, separated by colons.",
  },
  tlsTicketKey: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    shown: 'random',
    help: 'A secret of 32 bytes or more; workers that share it resume the sessions of each other.',
  },
  keepAlive: {
    kind: 'seconds',
    group: 'Limits',
    unit: 'S',
    default: 75,
    help: 'Seconds that an idle connection is kept; 0 closes after each response.',
  },
  headerTimeout: {
    kind: 'seconds',
    group: 'Limits',
    unit: 'S',
    default: 60,
    help: 'Seconds from the first byte of a request to the end of its head; then 408. 0 for no limit.',
  },
  bodyTimeout: {
    kind: 'seconds',
    group: 'Limits',
    unit: 'S',
    default: 300,
    help: 'Longest pause within a request body. 0 for no limit.',
  },
  writeTimeout: {
    kind: 'seconds',
    group: 'Limits',
    unit: 'S',
    default: 60,
    help: 'Longest pause in which a client takes nothing of a response; then it is cut. 0 for no limit.',
  },
  maxBody: {
    kind: 'bytes',
    group: 'Limits',
    unit: 'BYTES',
    default: 0,
    shown: 'none',
    help: 'Longest request body, such as 10m; above it 413.',
  },
  maxHead: {
    kind: 'bytes',
    group: 'Limits',
    unit: 'BYTES',
    default: 16_384,
    min: 512,
    help: 'Longest request head; above it 431, or 414 for the target.',
  },
  maxConnections: {
    kind: 'integer',
    group: 'Limits',
    unit: 'N',
    default: 0,
    shown: 'none',
    min: 0,
    max: countMax,
    help: 'Open connections; above it new ones wait in the backlog.',
  },
  spawn: {
    kind: 'integer',
    group: 'Limits',
    unit: 'N',
    default: 0,
    shown: 'none',
    min: 0,
    max: countMax,
    help: 'Requests in flight at once; those above wait. With --threads, in each.',
  },
  maxQueued: {
    kind: 'integer',
    group: 'Limits',
    unit: 'N',
    default: 0,
    shown: 'none',
    min: 0,
    max: countMax,
    help: 'Requests that wait because of --spawn; above it 503.',
  },
  modulePath: {
    kind: 'paths',
    group: 'Application',
    unit: 'DIRS',
    default: [],
    aliases: ['python-path'],
    help: 'More directories to look for the application in, separated like PATH.',
  },
  mount: {
    kind: 'list',
    group: 'Application',
    unit: 'PATH=IMPORT',
    default: [],
    help: 'Another application, behind a prefix: /blog=blog.app. Repeatable; the longest prefix counts.',
  },
  preHook: {
    kind: 'text',
    group: 'Application',
    unit: 'IMPORT',
    help: 'Function to call with the options before the sockets are bound.',
  },
  postHook: {
    kind: 'text',
    group: 'Application',
    unit: 'IMPORT',
    help: 'Function to call with the options at the end, in any case.',
  },
  noMonkey: {
    kind: 'flag',
    group: 'Application',
    default: false,
    help: 'Leave node:http and the global Response as they are.',
  },
  logLevel: {
    kind: 'text',
    group: 'Logging',
    unit: 'LEVEL',
    default: 'info',
    choices: ['debug', 'info', 'warning', 'error', 'critical'],
    help: 'debug, info, warning, error or critical.',
  },
  logOutput: {
    kind: 'text',
    group: 'Logging',
    unit: 'FILE',
    default: '-',
    help: 'Append to this file; - is standard error. SIGHUP opens it again.',
  },
  logFormat: {
    kind: 'text',
    group: 'Logging',
    unit: 'NAME',
    default: 'text',
    choices: ['text', 'json'],
    help: 'text or json, one line each.',
  },
  config: {
    kind: 'text',
    group: 'Other',
    unit: 'FILE',
    help: 'Read these options from a JSON, JSONC, JavaScript or TypeScript file.',
  },
  completion: {
    kind: 'text',
    group: 'Other',
    unit: 'SHELL',
    choices: ['bash', 'zsh', 'fish'],
    command: true,
    help: 'Print what makes bash, zsh or fish complete these options.',
  },
  check: {
    kind: 'flag',
    group: 'Other',
    default: false,
    command: true,
    help: 'Load and validate everything, bind nothing, and end.',
  },
  help: { kind: 'flag', group: 'Other', default: false, command: true, short: 'h', help: 'Print this.' },
  version: {
    kind: 'flag',
    group: 'Other',
    default: false,
    command: true,
    short: 'v',
    help: 'Print the version.',
  },
} as const satisfies Record<string, Option>;

type Table = typeof table;
type ValueOf<Row> = Row extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Row extends { readonly kind: infer K extends Kind }
    ? KindValues[K]
    : never;

export type OptionName = keyof Table;

/** The value of every option: durations in seconds and sizes in bytes, as on the command line. */
export type Options = {
  readonly [Name in OptionName]: Table[Name] extends { readonly default: unknown }
    ? ValueOf<Table[Name]>
    : ValueOf<Table[Name]> | undefined;
};

export const optionNames = Object.keys(table) as readonly OptionName[];

/** @returns The row of the table, without what is particular to it. */
export function optionOf(name: OptionName): Option {
  return table[name];
}

/** `gracefulTimeout` ▶ `graceful-timeout`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `gracefulTimeout` ▶ `CHAUSSETTE_GRACEFUL_TIMEOUT`. */
export function variableOf(name: string): string {
  return `CHAUSSETTE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;
}
