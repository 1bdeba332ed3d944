import { ChaussetteError } from '../errors.js';
import type { EndedRequest, RequestEnd } from '../exchange.js';
import { RefusedLine } from '../native/refused-line.js';
import type { Lines } from './lines.js';
import { apacheTime, protocolOf, userOf } from './parts.js';

/** Writes one part of a line. */
type Part = (lines: Lines, request: EndedRequest, end: RequestEnd) => void;

/** A format, ready for use. */
export interface LineFormat {
  /** Writes a line, with its line break. */
  readonly put: Part;
  readonly wantsFields: boolean;
  readonly wantsAddress: boolean;
}

/** gunicorn's atoms. */
const atoms: Readonly<Record<string, Part>> = {
  h: (lines, { remote }) => lines.put(remote.address || '-'),
  l: (lines) => lines.put('-'),
  u: (lines, { headers }) => lines.putEscaped(userOf(headers.get('authorization'))),
  t: (lines, _, { endedMs }) => lines.put(apacheTime(endedMs)),
  r: putRequestLine,
  m: (lines, { method }) => lines.putEscaped(method),
  U: (lines, { target }) => lines.putEscaped(target.split('?', 1)[0]),
  q: (lines, { target }) => lines.putEscaped(queryOf(target), ''),
  H: (lines, request) => lines.put(protocolOf(request)),
  s: (lines, _, { status }) => lines.putNumber(status),
  B: (lines, _, { bytes }) => lines.putNumber(bytes),
  b: (lines, _, { bytes }) => (bytes === 0 ? lines.put('-') : lines.putNumber(bytes)),
  f: (lines, { headers }) => lines.putEscaped(headers.get('referer')),
  a: (lines, { headers }) => lines.putEscaped(headers.get('user-agent')),
  T: (lines, _, { durationUs }) => lines.putNumber(Math.floor(durationUs / 1e6)),
  D: (lines, _, { durationUs }) => lines.putNumber(durationUs),
  M: (lines, _, { durationUs }) => lines.putNumber(Math.floor(durationUs / 1000)),
  L: (lines, _, { durationUs }) => lines.put((durationUs / 1e6).toFixed(6)),
  p: (lines) => lines.put(`<${process.pid}>`),
};

/** `GET /path?query HTTP/1.1`; of what was refused, what came. */
function putRequestLine(lines: Lines, request: EndedRequest): void {
  if (request instanceof RefusedLine) {
    lines.putEscaped(request.line);
    return;
  }
  lines.putEscaped(request.method);
  lines.put(' ');
  lines.putEscaped(request.target);
  lines.put(request.httpVersion === '1.1' ? ' HTTP/1.1' : ` ${protocolOf(request)}`);
}

// The usual formats, in one function each: a call for each part would cost 0.2 us of a line.

function putCommon(lines: Lines, request: EndedRequest, { status, bytes, endedMs }: RequestEnd): void {
  lines.put(request.remote.address || '-');
  const authorization = request.headers.get('authorization');
  if (authorization === undefined) {
    lines.put(' - - ');
  } else {
    lines.put(' - ');
    lines.putEscaped(userOf(authorization));
    lines.put(' ');
  }
  lines.put(apacheTime(endedMs));
  lines.put(' "');
  putRequestLine(lines, request);
  lines.put(status === 200 ? '" 200 ' : `" ${status} `);
  lines.put(bytes === 0 ? '-' : String(bytes));
}

function putCommonLine(lines: Lines, request: EndedRequest, end: RequestEnd): void {
  putCommon(lines, request, end);
  lines.put('\n');
}

function putCombinedLine(lines: Lines, request: EndedRequest, end: RequestEnd): void {
  putCommon(lines, request, end);
  lines.put(' "');
  lines.putEscaped(request.headers.get('referer'));
  lines.put('" "');
  lines.putEscaped(request.headers.get('user-agent'));
  lines.put('"\n');
}

/** Read `common`, `combined`, `json`, or a format of gunicorn's atoms.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming the part that is none. */
export async function lineFormat(format: string, thread: number | undefined): Promise<LineFormat> {
  if (format === 'common' || format === 'combined') {
    const put = format === 'common' ? putCommonLine : putCombinedLine;
    return { put, wantsFields: false, wantsAddress: true };
  }
  if (format === 'json') return (await import('./json.js')).jsonFormat(thread);
  const parts: Part[] = [];
  const pattern = /%\(([^)]*)\)s|%%/g;
  let end = 0;
  for (const match of format.matchAll(pattern)) {
    addText(parts, format.slice(end, match.index));
    parts.push(match[1] === undefined ? (lines) => lines.put('%') : partOf(match[1], format));
    end = match.index + match[0].length;
  }
  addText(parts, format.slice(end));
  if (!/%\(/.test(format)) throw unknown(format, 'has no atom');
  addText(parts, '\n');
  return {
    put: join(parts),
    wantsFields: /%\(\{[^)]*\}o\)s/.test(format),
    wantsAddress: /%\((?:h|\{REMOTE_(?:ADDR|PORT)\}e)\)s/.test(format),
  };
}

function addText(parts: Part[], text: string): void {
  if (text.includes('%')) throw unknown(text, 'has a % that begins no %(atom)s; write %% for one');
  if (text !== '') parts.push((lines) => lines.put(text));
}

function join(parts: readonly Part[]): Part {
  return (lines, request, end) => {
    for (let i = 0; i < parts.length; i++) (parts[i] as Part)(lines, request, end);
  };
}

function partOf(atom: string, format: string): Part {
  const known = Object.hasOwn(atoms, atom) ? atoms[atom] : undefined;
  if (known !== undefined) return known;
  const [, name, kind] = /^\{([^{}]+)\}([ioe])$/.exec(atom) ?? [];
  if (name === undefined) throw unknown(format, `has %(${atom})s, which is no atom`);
  const lower = name.toLowerCase();
  if (kind === 'i') return (lines, { headers }) => lines.putEscaped(headers.get(lower));
  if (kind === 'o') return (lines, { responseFields }) => lines.putEscaped(fieldOf(responseFields, lower));
  return (lines, request) => lines.putEscaped(variableOf(name, request));
}

function unknown(format: string, why: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', `--access-log-format ${JSON.stringify(format)} ${why}`, {
    hint: 'It is common, combined, json, or made of %(h)s, %(r)s, %({header}i)s…: see docs/observability.md.',
  });
}

function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
}

function fieldOf(fields: readonly string[] | undefined, name: string): string | undefined {
  const found: string[] = [];
  for (let i = 0; fields !== undefined && i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() === name) found.push(fields[i + 1] ?? '');
  }
  return found.length === 0 ? undefined : found.join(', ');
}

/** As CGI names them (RFC 3875 §4.1), then of the environment of the process. */
function variableOf(name: string, request: EndedRequest): string | undefined {
  switch (name) {
    case 'REQUEST_METHOD':
      return request.method;
    case 'PATH_INFO':
      return request.target.split('?', 1)[0];
    case 'QUERY_STRING':
      return queryOf(request.target);
    case 'SERVER_PROTOCOL':
      return protocolOf(request);
    case 'REMOTE_ADDR':
      return request.remote.address;
    case 'REMOTE_PORT':
      return String(request.remote.port);
    default:
      return name.startsWith('HTTP_')
        ? request.headers.get(name.slice('HTTP_'.length).toLowerCase().replaceAll('_', '-'))
        : process.env[name];
  }
}
