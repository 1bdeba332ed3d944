import { ChaussetteError } from '../errors.js';

/** Read `--root-path`.
 *  @returns Without a slash at its end; empty for the root.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE. */
export function parseRootPath(text: string): string {
  const path = text.replace(/\/+$/, '');
  if (/^(?:\/[^/\s?#]+)*$/.test(path)) return path;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_USAGE',
    `--root-path is ${JSON.stringify(text)}, which is no path`,
    {
      hint: 'Write --root-path /shop: the path under which the proxy shows the application.',
    },
  );
}
