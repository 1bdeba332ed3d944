import { RefusedLine } from '../native/refused-line.js';
import type { LineFormat } from './format.js';
import { protocolOf, userOf } from './parts.js';
import { requestIdOf } from './request-id.js';

/** One object a line.
 *  @param thread Number of a worker thread. */
export function jsonFormat(thread: number | undefined): LineFormat {
  const who = `"pid":${process.pid}${thread === undefined ? '' : `,"thread":${thread}`}`;
  return {
    wantsFields: false,
    wantsAddress: true,
    put(lines, request, { status, bytes, durationUs, endedMs, aborted }) {
      const { headers, method, target } = request;
      lines.put(
        `{"time":"${isoTime(endedMs)}",${who}` +
          field('remote', request.remote.address) +
          field('user', userOf(headers.get('authorization'))) +
          (request instanceof RefusedLine ? field('line', request.line) : '') +
          field('method', method) +
          field('host', headers.get('host')) +
          field('target', target) +
          `,"protocol":"${protocolOf(request)}","status":${status},"bytes":${bytes}` +
          `,"duration_ms":${durationUs / 1000}` +
          field('referer', headers.get('referer')) +
          field('user_agent', headers.get('user-agent')) +
          field('request_id', requestIdOf(request)) +
          `${aborted ? ',"aborted":true' : ''}}\n`,
      );
    },
  };
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function field(name: string, value: string | undefined): string {
  if (value === undefined || value === '') return '';
  return plain.test(value) ? `,"${name}":"${value}"` : `,"${name}":${quoted(value)}`;
}

/** Heads are Latin-1; most of what is not ASCII in them is UTF-8. Printable ASCII alone is written. */
function quoted(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return JSON.stringify(text.includes('\ufffd') ? value : text).replace(
    /[^\x20-\x7e]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

let shownSecond = Number.NaN;
let shown = '';

/** `2026-11-28T13:20:00.250Z`. */
function isoTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== shownSecond) {
    shownSecond = second;
    shown = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
  }
  return `${shown}${String(ms % 1000).padStart(3, '0')}Z`;
}
