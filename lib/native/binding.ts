import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChaussetteError } from '../errors.js';

/** What a descriptor is (fstat(2), getsockopt(2), getsockname(2)). */
export interface DescriptorInfo {
  readonly kind: 'socket' | 'file' | 'directory' | 'pipe' | 'character device' | 'block device' | 'other';
  /** Only for sockets, as the rest. */
  readonly family?: 'inet' | 'inet6' | 'unix' | 'other';
  readonly type?: 'stream' | 'dgram' | 'seqpacket' | 'raw' | 'other';
  readonly bound?: boolean;
  readonly listening?: boolean;
  /** SO_REUSEPORT is set: the socket has a queue of its own. */
  readonly reusePort?: boolean;
  /** Numeric, for inet and inet6. */
  readonly address?: string;
  readonly port?: number;
  /** Unix: a path, or `@name` for the abstract namespace; empty when unnamed. */
  readonly path?: string;
}

/** Functions on descriptors. A negative result is a negated errno. */
export interface DescriptorFunctions {
  inspect(fd: number): DescriptorInfo | number;
  /** Make an inherited stream socket ours: 0, 1 and 2 move to a high descriptor and /dev/null takes their place;
   *  close-on-exec and O_NONBLOCK are set; a bound socket that does not listen is made to, with `backlog`; one that
   *  listens is left as it is. @returns The descriptor to use. */
  adopt(fd: number, backlog: number): number;
  /** @param address Numeric IPv4 or IPv6. @param port 0 for any. SO_REUSEADDR is set; IPv6 sockets are IPv6 only
   *  when `v6only`. @returns A listening, non-blocking, close-on-exec descriptor. */
  listenTcp(address: string, port: number, backlog: number, v6only: boolean): number;
  /** @param path Of a Unix socket that does not exist yet. @param mode Permission bits, or -1 for the umask's. */
  listenUnix(path: string, backlog: number, mode: number): number;
  /** Whether somebody answers on the Unix socket at `path`: 0 yes, else a negated errno (-111 ECONNREFUSED: nobody). */
  probeUnix(path: string): number;
  /** @returns A second descriptor of the same socket, close-on-exec and above 2. */
  duplicate(fd: number): number;
  /** Let no new connection begin on a listening TCP socket, for as long as it lives and for all who share it: the
   *  client tries again a second later. @returns 0. */
  stopHandshakes(fd: number): number;
  /** Send one datagram to a Unix socket, without waiting. @param path A path, or `@name`. @returns 0. */
  sendDatagram(path: string, text: string): number;
  close(fd: number): number;
  /** Accept on a listening socket, whose descriptor is taken in any case. @param onReadable Called while connections
   *  wait. @returns A negated errno when that cannot be. */
  openAcceptor(fd: number, onReadable: () => void): AcceptorFunctions | number;
}

/** `accept` returns a descriptor or a negated errno. None may be called after `stop`. */
export type AcceptorFunctions = [
  accept: () => number,
  pause: () => void,
  resume: () => void,
  stop: () => void,
  unref: () => void,
];

/** Memory that the core and JavaScript share; the sizes are in the layout. */
export interface SharedMemory {
  readonly arena: ArrayBuffer;
  readonly records: ArrayBuffer;
  readonly headers: ArrayBuffer;
  readonly commands: ArrayBuffer;
  readonly control: ArrayBuffer;
  readonly ends: ArrayBuffer;
  readonly endText: ArrayBuffer;
}

/** Counters of one server since its start, kept by the core. */
export interface NativeStats {
  readonly connections: number;
  readonly inFlight: number;
  readonly accepted: number;
  readonly requests: number;
  readonly deadlineCloses: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of the whole core. */
  readonly turns: number;
  /** By class: [2] counts 200 to 299. */
  readonly responses: readonly number[];
  /** Requests that the core answered itself; reasons that did not occur are left out. */
  readonly refusals: readonly { readonly status: number; readonly reason: string; readonly count: number }[];
  /** Of the whole core: how many calls of JavaScript carried 1, 2 to 3, 4 to 7, … requests and events. */
  readonly batches: readonly number[];
}

export type NativeEndpoint = [address: string, port: number, family: 'IPv4' | 'IPv6' | 'unix'];

/** Milliseconds, bytes and connections; 0 for none. */
export type NativeLimits = [
  keepAliveMs: number,
  headMs: number,
  bodyMs: number,
  writeMs: number,
  headBytesMax: number,
  connectionsMax: number,
  bodyBytesMax: number,
  requestsMax: number,
  headersMax: number,
  keepAliveSlackMs: number,
  checkMs: number,
];

/** What OpenSSL is given; certificates and keys in PEM. See native/core/tls_context.h. */
export interface NativeTls {
  /** [chain, key, chain, key, …] */
  readonly identities: readonly string[];
  readonly passphrase: string;
  readonly authorities: string;
  readonly ciphers: string;
  readonly cipherSuites: string;
  readonly groups: string;
  /** 80 bytes, or none for random ones. */
  readonly ticketKeys: Buffer;
  /** ALPN, in wire format. */
  readonly protocols: Buffer;
  /** 0x0303 or 0x0304; 0 for the default (TLS 1.2 and newer). */
  readonly versionMin: number;
  readonly versionMax: number;
  readonly preferOwnCiphers: boolean;
  readonly requestCertificate: boolean;
  readonly requireCertificate: boolean;
  /** [pattern, options, pattern, options, …]: by the name that the client asks for. */
  readonly names: readonly (string | NativeTls)[];
}

/** What client and server have agreed on. */
export interface NativeTlsSession {
  readonly protocol: string;
  readonly cipher: string;
  readonly cipherStandard: string;
  readonly cipherVersion: string;
  /** By ALPN; empty: none. */
  readonly application: string;
  /** By SNI; empty: none. */
  readonly serverName: string;
  readonly resumed: boolean;
  /** X509_V_ERR_*; 0: the certificate is believed, or there is none. */
  readonly verifyError: number;
  /** The client was asked for a certificate. */
  readonly certificateAsked: boolean;
  /** Of the client, each followed by its issuer; DER. */
  readonly certificates: readonly Buffer[];
  /** The one that the client was shown. */
  readonly ownCertificate: Buffer;
  /** The Finished messages of both sides. */
  readonly finished: Buffer;
  readonly peerFinished: Buffer;
  /** ASN.1. */
  readonly session: Buffer;
  /** `ECDSA+SHA256`, … */
  readonly sharedSignatures: readonly string[];
}

/** Functions of the core; one core for each thread. Ids that are stale do nothing. */
export interface CoreFunctions {
  /** The numbers of native/core/layout.h by name, and the names of the known header fields. */
  readonly layout: Readonly<Record<string, unknown>>;
  /** Empty when the llhttp of this Node passed the self-test, else why it did not. */
  llhttpProblem(): string;
  /** @param slots Where bodies that are referenced instead of copied are found.
   *  @param blocks Where the core puts memory that it receives large bodies into.
   *  @param onTurn Handles records [first, first + count); see lib/native/turn.ts. @returns 0 or a negated errno. */
  openCore(
    memory: SharedMemory,
    slots: (Uint8Array | undefined)[],
    blocks: (Buffer | undefined)[],
    onTurn: (first: number, count: number) => void,
  ): number;
  /** What its clients bring about belongs to the async context of the call. @returns The tag of the server. */
  addServer(...limits: NativeLimits): number;
  /** Its last connection is closed: nothing more comes of it. */
  forgetServer(tag: number): void;
  /** For what begins from now on. */
  setLimits(tag: number, ...limits: NativeLimits): void;
  /** Takes the descriptor. @param shared Whether others accept from its queue. @returns 0 or a negated errno. */
  addListener(tag: number, fd: number, shared: boolean): number;
  /** @param style Bits of ServerStyle (native/core/server.h). */
  setStyle(tag: number, style: number): void;
  /** Tell of the end of a connection. @returns Whether it is still to come. */
  watchConnection(connection: number): boolean;
  /** Whether the connection keeps the process alive. */
  refConnection(connection: number, on: boolean): void;
  /** Whatever cuts the connection does so with RST. */
  resetConnection(connection: number): void;
  /** TCP's keep-alive probes. @param seconds Until the first; 0: as the system says. */
  keepAliveConnection(connection: number, on: boolean, seconds: number): void;
  /** Hand on a copy of all that is received on a connection. */
  tapConnection(connection: number): void;
  /** @returns Bytes received, bytes sent or to be sent, milliseconds since some of them came or went, bytes that are
   *  not sent yet; undefined when the connection is gone. */
  measureConnection(
    connection: number,
  ): [bytesIn: number, bytesOut: number, idleMs: number, unsentBytes: number] | undefined;
  /** Bytes of a response that are not sent yet, once it is the first of its connection with what is in front of it;
   *  undefined when the exchange has ended. */
  unsentBytes(index: number, generation: number): number | undefined;
  /** The descriptor of a connection on which nothing was received, the caller's from here on; else -1. */
  releaseConnection(connection: number): number;
  /** Send bytes past the exchanges. @param connection Its number. @returns Whether there is room for more; in a
   *  tunnel a drain event tells of it later. */
  writeConnection(connection: number, bytes: Uint8Array): boolean;
  /** Close a connection when what is queued is sent. @param cut Do not wait for that. @param half It has ended when the
   *  client ends it, too. */
  endConnection(connection: number, cut: boolean, half?: boolean): void;
  /** Take back what is not sent of a response, and close its connection behind those in front of it.
   *  @returns Behind what: one of `behind…` in layout.ts. Behind nothing it closes at once, and nothing was done. */
  endBehindOthers(index: number, generation: number): number;
  /** What an error is that nobody catches. */
  fatalException(error: unknown): void;
  /** The phrase that the core gives a status by itself. */
  reasonOf(status: number): string;
  /** Close the connections that are idle now, at the next flush.
   *  @param inHandler A handler asks: the connection of its request stays. */
  closeIdle(tag: number, inHandler: boolean): void;
  drain(tag: number): void;
  /** @returns How many requests were in flight. */
  cut(tag: number): number;
  runCommands(): void;
  /** Run the commands and send what they bring. @returns How many responses have left that were to be told of: index,
   *  generation and code of each stand in the memory of the commands. */
  sendNow(): number;
  /** Let the core go on with what was written since the last turn, as it does before the event loop waits. */
  flush(): void;
  /** The servers that listen keep the process alive, or do not. */
  setRef(on: boolean): void;
  stats(tag: number): NativeStats;
  /** Of a server whose style says so: [status, count, status, count, …], how many durations each bucket of
   *  `layout.DurationBoundsUs` has, and one more, their sum in microseconds, and how many requests were aborted. */
  measures(
    tag: number,
  ):
    | [statuses: readonly number[], durations: readonly number[], durationUs: number, aborted: number]
    | undefined;
  /** Puts the ends of requests that JavaScript was not told of into the shared memory. @returns How many. */
  flushEnds(): number;
  /** Index, generation and age in milliseconds of every open exchange, in turn. */
  openExchanges(tag: number): readonly number[];
  /** The descriptor of a connection that changes its protocol, which is the caller's from here on, and the bytes that
   *  came behind the request. @returns undefined when the exchange cannot be taken over. */
  takeOver(index: number, generation: number): [number, Buffer] | undefined;
  /** As takeOver where the descriptor stays with the core (TLS): bytes of the other protocol come as body bytes of the
   *  exchange, and writeConnection and endConnection answer. @returns The bytes behind the request. */
  tunnel(index: number, generation: number): Buffer | undefined;
  /** Connections from these networks begin with a PROXY header, from now on. @param networks Address and bits in turn.
   *  @param unix Those on Unix sockets, too. */
  setProxyPeers(tag: number, networks: readonly (string | number)[], unix: boolean): void;
  /** Speak TLS with connections from now on. @returns Empty, or what OpenSSL refuses. */
  setTls(tag: number, options: NativeTls): string;
  /** @returns undefined for plain connections. */
  tlsSession(connection: number): NativeTlsSession | undefined;
  /** Keying material for another use (RFC 8446 §7.5). @returns undefined before the handshake is complete. */
  tlsKeys(connection: number, length: number, label: string, context: Buffer | undefined): Buffer | undefined;
  /** The most plain bytes of a record from now on. @returns false for what OpenSSL refuses. */
  tlsRecordMax(connection: number, bytes: number): boolean;
  /** Address, port and family of one end of a connection. */
  endpoint(connection: number, local: boolean): NativeEndpoint | undefined;
  /** The same of a socket. */
  descriptorEndpoint(fd: number, local: boolean): NativeEndpoint | undefined;
}

/** The addon, as addon.cc exports it. */
export interface Addon extends DescriptorFunctions, CoreFunctions {}

export type AddonState = { readonly addon: Addon } | { readonly reason: string };

let state: AddonState | undefined;

/** Load the addon once per thread.
 *  @returns The addon, or one line that says why there is none. */
export function loadAddon(): AddonState {
  state ??= load();
  return state;
}

function load(): AddonState {
  if (process.env['CHAUSSETTE_NO_NATIVE'] === '1') return { reason: 'CHAUSSETTE_NO_NATIVE=1 is set' };
  const root = fileURLToPath(new URL('../..', import.meta.url));
  try {
    // Another build of the addon, such as the one with sanitizers (scripts/sanitize.sh).
    const elsewhere = process.env['CHAUSSETTE_ADDON'];
    if (elsewhere) return { addon: open(resolve(elsewhere)) };
    const first = firstChoice(root);
    if (first !== undefined) return { addon: open(first) };
    const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as (directory: string) => Addon;
    return { addon: nodeGypBuild(root) };
  } catch (error) {
    return { reason: `the addon could not be loaded (${firstLine(error)})` };
  }
}

function open(file: string): Addon {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Addon;
}

/** What node-gyp-build would find first, without the 2 ms that its loading takes: a build of this place, else the
 *  prebuilt binary, which is for glibc. */
function firstChoice(root: string): string | undefined {
  if (process.env['CHAUSSETTE_SERVER_PREBUILD']) return undefined;
  const built = join(root, 'build/Release/chaussette.node');
  if (!process.env['PREBUILDS_ONLY'] && existsSync(built)) return built;
  const prebuilt = join(root, `prebuilds/linux-${process.arch}/chaussette-server.glibc.node`);
  return existsSync(prebuilt) && !existsSync('/etc/alpine-release') ? prebuilt : undefined;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

/** The descriptor functions.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BACKEND when the addon cannot be loaded. */
export function descriptors(): DescriptorFunctions {
  const loaded = loadAddon();
  if ('addon' in loaded) return loaded.addon;
  throw new ChaussetteError('CHAUSSETTE_ERR_BACKEND', `the native addon is not available: ${loaded.reason}`, {
    hint: 'Run `npm rebuild chaussette-server` with a C++ compiler at hand.',
  });
}
