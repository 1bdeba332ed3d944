import { isIP } from 'node:net';
import { ChaussetteError } from '../errors.js';

/** Peers that an option names. */
export interface Networks {
  /** An address and how many of its bits count. */
  readonly subnets: readonly { readonly address: string; readonly family: 4 | 6; readonly bits: number }[];
  /** Those on Unix sockets. */
  readonly unix: boolean;
}

const everyone: Networks['subnets'] = [
  { address: '0.0.0.0', family: 4, bits: 0 },
  { address: '::', family: 6, bits: 0 },
];

/** Read what an option of the command line says.
 *  @param texts Addresses, networks (`10.0.0.0/8`), `unix` and `*`, separated by commas.
 *  @param flag For the message: `--forwarded-allow`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming what is none of these. */
export function parseNetworks(texts: readonly string[], flag: string): Networks {
  const words = texts.flatMap((text) => text.split(',')).map((word) => word.trim());
  const subnets: Networks['subnets'][number][] = [];
  let unix = false;
  for (const word of words) {
    if (word === '') continue;
    if (word === '*') subnets.push(...everyone);
    else if (word !== 'unix') subnets.push(parseSubnet(word, flag));
    unix ||= word === '*' || word === 'unix';
  }
  return { subnets, unix };
}

function parseSubnet(word: string, flag: string): Networks['subnets'][number] {
  const [address = '', bits, more] = word.split('/');
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  const count = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : most + 1;
  if ((family !== 4 && family !== 6) || address.includes('%') || more !== undefined || count > most) {
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_USAGE',
      `${flag} has ${JSON.stringify(word)} in it, which is no network`,
      {
        hint: 'Write addresses and networks such as 10.0.0.0/8, 192.168.1.7 or fd00::/8, unix for Unix sockets, or * for everyone.',
      },
    );
  }
  return { address, family, bits: count };
}
