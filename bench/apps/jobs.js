// What bench/apps/node.js does, for fetch handlers: Bun and Deno serve it.
const hello = { headers: { 'content-type': 'text/plain' } };
const bytes = { headers: { 'content-type': 'application/octet-stream' } };
const file = new TextEncoder().encode('chaussette '.repeat(96 * 1024)).slice(0, 1024 * 1024);

export const app = {
  fetch(request) {
    const path = request.url.slice(request.url.indexOf('/', 8));
    switch (path) {
      case '/':
        return new Response('Hello, World!', hello);
      case '/echo':
        return echo(request);
      case '/count':
        return count(request);
      case '/file':
        return new Response(file, bytes);
      case '/gc':
        (globalThis.Bun?.gc ?? globalThis.gc)?.(true);
        return new Response('collected');
      default:
        return new Response('not found', { status: 404 });
    }
  },
};

async function echo(request) {
  return new Response(await request.arrayBuffer(), bytes);
}

async function count(request) {
  let length = 0;
  for await (const chunk of request.body) length += chunk.length;
  return new Response(String(length));
}
