import { type IncomingMessage, STATUS_CODES } from 'node:http';

/** An answer of the server itself: the request never reaches the application. */
export interface Refusal {
  readonly status: number;
  /** One line for people: the body of the answer. */
  readonly text: string;
}

/** A head with more fields is refused; no honest client sends so many. */
const headersMax = 1000;

const host = String.raw`(?:\[[\w\-.~!$&'()*+,;=%:]+\]|[\w\-.~!$&'()*+,;=%]+)`;
const authority = new RegExp(`^${host}(?::\\d*)?$`); // RFC 9110 §7.2
const absoluteForm = new RegExp(`^https?://${host}(?::\\d*)?(?:[/?]|$)`, 'i');

/** What RFC 9110 and 9112 demand of a head and node:http lets through. The same table as native/core/refusal.cc.
 *  @returns undefined when the request is in order. */
export function refusalOfHead(req: IncomingMessage): Refusal | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, rawHeaders } = req;
  if (major === 0) return { status: 400, text: 'HTTP/0.9 is not served.' };
  if (major !== 1 || minor > 1) return { status: 505, text: 'Only HTTP/1.0 and HTTP/1.1 are served.' };
  if (!isTargetFormValid(req.method ?? '', req.url ?? '')) {
    return { status: 400, text: 'The request target is not valid for this method.' };
  }
  if (rawHeaders.length > 2 * headersMax)
    return { status: 431, text: 'The request has too many header fields.' };
  let hosts = 0;
  let lengths = 0;
  let codings = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') {
      hosts += 1;
      if (!authority.test(rawHeaders[index + 1] ?? ''))
        return { status: 400, text: 'The Host field is not valid.' };
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') lengths += 1;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') codings += 1;
  }
  if (hosts > 1) return { status: 400, text: 'The Host field is there more than once.' };
  if (hosts === 0 && minor === 1) return { status: 400, text: 'The Host field is missing.' };
  if (lengths > 0) {
    const length = req.headers['content-length'] ?? '';
    if (lengths > 1 || !/^\d{1,16}$/.test(length) || Number(length) > Number.MAX_SAFE_INTEGER) {
      return { status: 400, text: 'The Content-Length is not valid.' };
    }
  }
  return codings > 0 ? refusalOfCoding(req, lengths, codings) : undefined;
}

/** RFC 9112 §6.1: chunked, once and last. */
function refusalOfCoding(req: IncomingMessage, lengths: number, codings: number): Refusal | undefined {
  if (lengths > 0) return { status: 400, text: 'Content-Length and Transfer-Encoding exclude each other.' };
  if (req.httpVersionMinor === 0) return { status: 400, text: 'HTTP/1.0 has no Transfer-Encoding.' };
  const names = (req.headers['transfer-encoding'] ?? '').toLowerCase().split(/[\t ]*,[\t ]*/);
  const valid = codings === 1 && names.indexOf('chunked') === names.length - 1;
  if (!valid) return { status: 400, text: 'The Transfer-Encoding is not valid.' };
  return names.length > 1 ? { status: 501, text: 'The transfer coding is not known.' } : undefined;
}

/** RFC 9112 §3.2: origin-form, absolute-form, authority-form for CONNECT only, asterisk-form for OPTIONS only. */
function isTargetFormValid(method: string, target: string): boolean {
  if (target.includes('#')) return false;
  if (method === 'CONNECT') return /:\d+$/.test(target) && authority.test(target);
  if (target.startsWith('/')) return true;
  return target === '*' ? method === 'OPTIONS' : absoluteForm.test(target);
}

/** What to answer when node:http gave a connection up.
 *  @returns undefined to close without an answer. */
export function refusalOfError(error: NodeJS.ErrnoException): Refusal | undefined {
  const { rawPacket, reason } = error as { rawPacket?: Uint8Array; reason?: string };
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, text: 'The request head did not arrive in time.' };
    case 'HPE_HEADER_OVERFLOW':
      return isTargetOnly(rawPacket)
        ? { status: 414, text: 'The request target is too long.' }
        : { status: 431, text: 'The request head is too large.' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 400, text: 'The chunk extensions are too long.' };
    case 'HPE_INVALID_VERSION':
      if (reason !== 'Invalid HTTP version') break;
      return { status: 505, text: 'Only HTTP/1.0 and HTTP/1.1 are served.' };
    case 'HPE_PAUSED_H2_UPGRADE':
      return { status: 505, text: 'Only HTTP/1.0 and HTTP/1.1 are served.' };
    default:
      if (!error.code?.startsWith('HPE_')) return undefined;
  }
  return { status: 400, text: 'The request is not valid HTTP.' };
}

/** node:http does not say which part of the head was too long: judged by the packet that was. */
function isTargetOnly(packet: Uint8Array | undefined): boolean {
  if (packet === undefined || packet.includes(10)) return false;
  return /^[A-Z-]{3,32} /.test(Buffer.from(packet.subarray(0, 40)).toString('latin1'));
}

/** The bytes of a refusal; the connection ends with it. */
export function refusalBytes({ status, text }: Refusal): string {
  const body = `${text}\n`;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'content-type: text/plain',
    `content-length: ${body.length}`,
    `date: ${new Date().toUTCString()}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

/** The request line of what node:http has read. */
export function lineOf({ method, url, httpVersion }: IncomingMessage): string {
  return `${method} ${url} HTTP/${httpVersion}`;
}

/** The beginning of what node:http could not read, up to the end of a line. */
export function lineOfError(error: Error): string {
  const { rawPacket } = error as { rawPacket?: Uint8Array };
  if (rawPacket === undefined) return '';
  return (
    Buffer.from(rawPacket.subarray(0, 1024))
      .toString('latin1')
      .split(/[\r\n]/, 1)[0] ?? ''
  );
}
