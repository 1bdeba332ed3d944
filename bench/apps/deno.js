// deno run --allow-net --allow-read bench/apps/deno.js PORT hello|jobs [CERT KEY]
const [port, job, cert, key] = Deno.args;
const { app } = await import(job === 'jobs' ? './jobs.js' : './fetch.js');
const tls = cert && key ? { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) } : {};

Deno.serve({ hostname: '127.0.0.1', port: Number(port), onListen() {}, ...tls }, (request) =>
  app.fetch(request),
);
