// Every job of the benchmark for the `node` interface; bench/apps/plain.js serves the same on node:http.
const hello = 'Hello, World!';
const file = Buffer.alloc(1024 * 1024, 'chaussette ');

export function app(req, res) {
  switch (req.url) {
    case '/':
      res.setHeader('content-type', 'text/plain');
      res.setHeader('content-length', hello.length);
      res.end(hello);
      return;
    case '/echo':
      echo(req, res);
      return;
    case '/count':
      count(req, res);
      return;
    case '/file':
      res.setHeader('content-type', 'application/octet-stream');
      res.setHeader('content-length', file.length);
      res.end(file);
      return;
    case '/busy':
      compute(1);
      res.end('done');
      return;
    case '/gc':
      globalThis.gc?.();
      res.end('collected');
      return;
    default:
      res.statusCode = 404;
      res.end('not found');
  }
}

function echo(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    res.setHeader('content-type', 'application/octet-stream');
    res.setHeader('content-length', body.length);
    res.end(body);
  });
}

function count(req, res) {
  let bytes = 0;
  req.on('data', (chunk) => {
    bytes += chunk.length;
  });
  req.on('end', () => res.end(String(bytes)));
}

/** Keep the thread for so many milliseconds. */
function compute(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
