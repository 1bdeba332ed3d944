import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseResponses } from '../helpers/response-parser.js';

const date = 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n';
const parse = (text: string, heads: boolean[] = [], ended = false) =>
  parseResponses(Buffer.from(text, 'latin1'), heads, ended);

const breaches: readonly (readonly [string, string])[] = [
  ['a bad version', `HTTP/1.2 200 OK\r\n${date}Content-Length: 0\r\n\r\n`],
  ['a status of two digits', `HTTP/1.1 20 OK\r\n${date}Content-Length: 0\r\n\r\n`],
  ['no space behind the status', `HTTP/1.1 200\r\n${date}Content-Length: 0\r\n\r\n`],
  ['a bare LF', `HTTP/1.1 200 OK\n${date}Content-Length: 0\r\n\r\n`],
  ['a bare CR', `HTTP/1.1 200 OK\r\nX: a\rb\r\n${date}Content-Length: 0\r\n\r\n`],
  ['no date', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['two dates', `HTTP/1.1 200 OK\r\n${date}${date}Content-Length: 0\r\n\r\n`],
  ['a date in another format', 'HTTP/1.1 200 OK\r\nDate: 1994-11-06\r\nContent-Length: 0\r\n\r\n'],
  ['a space before the colon', `HTTP/1.1 200 OK\r\n${date}Content-Length : 0\r\n\r\n`],
  ['a folded line', `HTTP/1.1 200 OK\r\n${date}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ['NUL in a value', `HTTP/1.1 200 OK\r\n${date}X: a\0\r\nContent-Length: 0\r\n\r\n`],
  ['two lengths', `HTTP/1.1 200 OK\r\n${date}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
  ['two framings', `HTTP/1.1 200 OK\r\n${date}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['another coding', `HTTP/1.1 200 OK\r\n${date}Transfer-Encoding: gzip\r\n\r\n`],
  ['a length with a sign', `HTTP/1.1 200 OK\r\n${date}Content-Length: +1\r\n\r\n`],
  ['a 204 with a length', `HTTP/1.1 204 No Content\r\n${date}Content-Length: 0\r\n\r\n`],
  ['a 100 with a coding', 'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n'],
  [
    'a bad chunk size',
    `HTTP/1.1 200 OK\r\n${date}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n`,
  ],
  ['a long chunk', `HTTP/1.1 200 OK\r\n${date}Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n`],
  ['bytes behind the body', `HTTP/1.1 200 OK\r\n${date}Content-Length: 2\r\n\r\nhi there\r\n`],
];

describe('the response parser refuses', () => {
  for (const [name, text] of breaches) {
    test(name, () => assert.notEqual(parse(text).problem, undefined));
  }
});

describe('the response parser', () => {
  test('reads pipelined responses of every framing in order', () => {
    const text = [
      'HTTP/1.1 100 Continue\r\n\r\n',
      `HTTP/1.1 200 OK\r\n${date}Content-Length: 5\r\n\r\nhello`,
      `HTTP/1.1 200 OK\r\n${date}Content-Length: 99\r\n\r\n`,
      `HTTP/1.1 304 Not Modified\r\n${date}Content-Length: 7\r\n\r\n`,
      `HTTP/1.1 200 \r\n${date}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n`,
      `HTTP/1.1 200 OK\r\n${date}\r\nto the end`,
    ].join('');
    const { responses, problem, consumed } = parse(text, [false, true], true);
    assert.equal(problem, undefined);
    assert.equal(consumed, text.length);
    const seen = responses.map((one) => [one.status, one.framing, one.body.toString()]);
    assert.deepEqual(seen, [
      [100, 'none', ''],
      [200, 'length', 'hello'],
      [200, 'none', ''],
      [304, 'none', ''],
      [200, 'chunked', 'hi'],
      [200, 'close', 'to the end'],
    ]);
    assert.deepEqual(responses[4]?.trailers, [['X-Sum', '1']]);
  });

  test('waits for what is not complete, and calls it truncated at the end', () => {
    const text = `HTTP/1.1 200 OK\r\n${date}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
    for (let length = 0; length < text.length; length += 1) {
      const open = parse(text.slice(0, length));
      assert.deepEqual([open.responses.length, open.problem], [0, undefined], `after ${length} bytes`);
    }
    const ended = parse(text.slice(0, -4), [], true);
    assert.equal(ended.responses[0]?.truncated, true);
    assert.equal(ended.responses[0]?.body.toString(), 'hello');
    assert.notEqual(parse('HTTP/1.1 200 O', [], true).problem, undefined);
  });
});
