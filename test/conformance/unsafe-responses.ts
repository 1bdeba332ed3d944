import type { Exchange, HeaderList } from '../../lib/exchange.js';

type Attempt = (exchange: Exchange) => void;

const withHeaders =
  (...headers: HeaderList): Attempt =>
  (exchange) =>
    exchange.respond(200, '', headers, 'split');
const withStatus =
  (status: number): Attempt =>
  (exchange) =>
    exchange.respond(status, '', [], 'split');
const withReason =
  (reason: string): Attempt =>
  (exchange) =>
    exchange.respond(200, reason, [], 'split');

const split = 'a\r\nset-cookie: evil=1\r\n\r\nHTTP/1.1 200 OK\r\n';

/** What an application could try, or be made to try, to break its own response apart: `/unsafe/<name>`.
 *  Each must be refused with CHAUSSETTE_ERR_RESPONSE, with nothing sent. RFC 9110 §5.5, RFC 9112 §11.1. */
export const unsafeResponses: Readonly<Record<string, Attempt>> = {
  'value-crlf': withHeaders('x-a', split),
  'value-cr': withHeaders('x-a', 'a\rb'),
  'value-lf': withHeaders('x-a', 'a\nb'),
  'value-nul': withHeaders('x-a', 'a\0b'),
  'value-control': withHeaders('x-a', 'a\x01b'),
  'value-delete': withHeaders('x-a', 'a\x7fb'),
  'value-wide': withHeaders('x-a', 'a\u010d\u010ab'),
  'name-crlf': withHeaders('x-a\r\nset-cookie', 'evil=1'),
  'name-space': withHeaders('x a', 'b'),
  'name-colon': withHeaders('x-a: b', 'c'),
  'name-empty': withHeaders('', 'b'),
  'name-nul': withHeaders('x\0a', 'b'),
  'name-high': withHeaders('x-\xe9', 'b'),
  'name-wide': withHeaders('x\u010a', 'b'),
  'names-odd': withHeaders('x-a'),
  'length-twice': withHeaders('content-length', '5', 'content-length', '5'),
  'length-and-chunked': withHeaders('content-length', '5', 'transfer-encoding', 'chunked'),
  'length-sign': withHeaders('content-length', '+5'),
  'length-word': withHeaders('content-length', 'five'),
  'length-wrong': withHeaders('content-length', '3'),
  'coding-unknown': withHeaders('transfer-encoding', 'gzip'),
  'status-low': withStatus(99),
  'status-high': withStatus(1000),
  'status-interim': withStatus(100),
  'status-fraction': withStatus(200.5),
  'status-nan': withStatus(Number.NaN),
  'reason-crlf': withReason(`OK\r\nx-evil: 1`),
  'reason-lf': withReason('OK\nx-evil: 1'),
  'reason-nul': withReason('OK\0'),
  'reason-wide': withReason('OK\u010d\u010a'),
  'stream-value-crlf': (exchange) => exchange.respondHead(200, '', ['x-a', split]),
  'stream-name-crlf': (exchange) => exchange.respondHead(200, '', ['x-a\r\nx-evil', '1']),
  'stream-status': (exchange) => exchange.respondHead(20, '', []),
  'info-value-crlf': (exchange) => exchange.respondInfo(103, ['link', split]),
  'info-final-status': (exchange) => exchange.respondInfo(200, []),
  'info-switching': (exchange) => exchange.respondInfo(101, []),
  'trailer-crlf': (exchange) => {
    exchange.respondHead(200, '', []);
    exchange.write('body');
    exchange.end(['x-a', 'b\r\nx-evil: 1']);
  },
  'trailer-name': (exchange) => {
    exchange.respondHead(200, '', []);
    exchange.write('body');
    exchange.end(['x a', 'b']);
  },
};
