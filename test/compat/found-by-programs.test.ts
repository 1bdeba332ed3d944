// What proxy-chain and other programs found that nobody had run on ours before.
import { STATUS_CODES } from 'node:http';
import { compare, get, serving } from '../helpers/compare-servers.js';

compare('a program may name statuses, and rename them', async (make) => {
  const { 404: notFound } = STATUS_CODES;
  Object.assign(STATUS_CODES, { 594: 'Out of Order', 404: 'Nowhere' });
  try {
    return await serving(
      make,
      (req, res) => {
        res.statusCode = Number(req.url?.slice(1));
        res.end();
      },
      async (port) => [await get(port, '/594'), await get(port, '/404'), await get(port, '/595')],
    );
  } finally {
    delete STATUS_CODES[594];
    STATUS_CODES[404] = notFound;
  }
});
