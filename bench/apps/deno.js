Deno.serve(
  { hostname: '127.0.0.1', port: Number(Deno.args[0]), onListen() {} },
  () => new Response('Hello, World!', { headers: { 'content-type': 'text/plain' } }),
);
