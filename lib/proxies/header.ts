import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Endpoint } from '../exchange.js';
import type { Ends } from './ends.js';

/** What the first bytes of a connection are. Without `ends` those of the connection itself hold. */
export type ProxyHeader =
  | { readonly outcome: 'more' | 'bad' }
  | { readonly outcome: 'complete'; readonly bytes: number; readonly ends?: Ends };

// The same rules and limits as in native/core/proxy_header.cc; sections are those of proxy-protocol.txt
// (haproxy.org).

/** Section 2.1: the longest line, with its end. */
const lineBytesMax = 107;
/** Version 2 with all its TLVs. */
const headerBytesMax = 4096;

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const lineStart = Buffer.from('PROXY ', 'latin1');
const fixedBytes = 16;
/** Of both addresses and ports, by family. */
const addressBytes = [0, 12, 36, 216];

const more: ProxyHeader = { outcome: 'more' };
const bad: ProxyHeader = { outcome: 'bad' };
const onUnix: Endpoint = { address: '', port: 0, family: 'unix' };

/** Read the header of the PROXY protocol, version 1 or 2.
 *  @param bytes All that has come so far; at least one. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const start = bytes[0] === signature[0] ? signature : lineStart;
  const length = Math.min(bytes.length, start.length);
  if (!start.subarray(0, length).equals(bytes.subarray(0, length))) return bad;
  if (length < start.length) return more;
  return start === signature ? readBinary(bytes) : readLine(bytes);
}

function readBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < fixedBytes) return more;
  const [version = 0, kind = 0] = bytes.subarray(12, 14);
  const length = bytes.readUInt16BE(14);
  const total = fixedBytes + length;
  const [command, family, transport] = [version & 15, kind >> 4, kind & 15];
  if (version >> 4 !== 2 || command > 1 || total > headerBytesMax) return bad;
  if (command === 1 && (family > 3 || transport > 2 || length < (addressBytes[family] ?? 0))) return bad;
  if (bytes.length < total) return more;
  const complete = { outcome: 'complete', bytes: total } as const;
  if (command === 0) return complete;
  if (kind === 0x31) return { ...complete, ends: { remote: onUnix, local: onUnix } };
  // Unspecified, or of datagrams.
  if (kind !== 0x11 && kind !== 0x21) return complete;
  const size = kind === 0x11 ? 4 : 16;
  const end = (index: number): Endpoint => {
    const at = fixedBytes + index * size;
    const port = bytes.readUInt16BE(fixedBytes + 2 * size + 2 * index);
    return endOf(addressOf(bytes.subarray(at, at + size)), port);
  };
  return { ...complete, ends: { remote: end(0), local: end(1) } };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return bytes.toString('hex').replace(/(.{4})(?!$)/g, '$1:');
}

/** In the form in which the kernel writes addresses. */
function endOf(address: string, port: number): Endpoint {
  if (isIPv4(address)) return { address, port, family: 'IPv4' };
  return { address: new SocketAddress({ address, family: 'ipv6' }).address, port, family: 'IPv6' };
}

function readLine(bytes: Buffer): ProxyHeader {
  const newline = bytes.subarray(0, lineBytesMax).indexOf(10);
  if (newline < 0) return bytes.length < lineBytesMax ? more : bad;
  const line = bytes.toString('latin1', lineStart.length, newline);
  const complete = { outcome: 'complete', bytes: newline + 1 } as const;
  if (!line.endsWith('\r') || line.includes('\0')) return bad;
  const words = line.slice(0, -1).split(' ');
  const [family, source = '', destination = ''] = words;
  if (family === 'UNKNOWN') return complete; // What follows is ignored.
  const fits = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : () => false;
  const ports = words.slice(3).map(portOf);
  const [from = -1, to = -1] = ports;
  if (!fits(source) || !fits(destination) || ports.length !== 2 || from < 0 || to < 0) return bad;
  return { ...complete, ends: { remote: endOf(source, from), local: endOf(destination, to) } };
}

/** Without a zone. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** @returns -1 for what is none: decimal, no leading zeros. */
function portOf(word: string): number {
  return /^(?:0|[1-9]\d{0,4})$/.test(word) && Number(word) <= 65_535 ? Number(word) : -1;
}
