// The least that node:http needs, for the start-up row: node bench/apps/bare.js PORT
import { createServer } from 'node:http';

createServer((_req, res) => res.end('Hello, World!')).listen(Number(process.argv[2]), '127.0.0.1');
