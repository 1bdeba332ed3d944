// bun bench/apps/bun.js PORT hello|jobs [CERT KEY]
import { readFileSync } from 'node:fs';

const [port, job, cert, key] = process.argv.slice(2);
const { app } = await import(job === 'jobs' ? './jobs.js' : './fetch.js');
const tls = cert && key ? { tls: { cert: readFileSync(cert), key: readFileSync(key) } } : {};

Bun.serve({ hostname: '127.0.0.1', port: Number(port), fetch: (request) => app.fetch(request), ...tls });
