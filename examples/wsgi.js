// chaussette --interface wsgi examples.wsgi:app
//
// The `wsgi` interface: PEP 3333, in JavaScript.
export function app(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [`Hello, World! You asked for ${environ['PATH_INFO']}\n`];
}
