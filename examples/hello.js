// chaussette examples.hello:app
//
// The `node` interface: what node:http calls a request listener.
export function app(req, res) {
  res.setHeader('content-type', 'text/plain; charset=utf-8');
  res.end(`Hello, ${req.url === '/' ? 'World' : decodeURI(req.url.slice(1))}!\n`);
}
