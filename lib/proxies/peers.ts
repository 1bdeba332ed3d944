import { BlockList } from 'node:net';
import type { Endpoint } from '../exchange.js';
import { nowhere } from './ends.js';
import type { Networks } from './networks.js';

/** Answers that are remembered; behind one proxy the same few peers come again. */
const knownMax = 1024;

/** Whether somebody is among the peers that an option names.
 *
 *  Lifetime: that of its server. */
export class Peers {
  readonly #list = new BlockList();
  readonly #unix: boolean;
  readonly #known = new Map<string, boolean>();

  constructor({ subnets, unix }: Networks) {
    this.#unix = unix;
    for (const { address, family, bits } of subnets) this.#list.addSubnet(address, bits, `ipv${family}`);
  }

  has(end: Pick<Endpoint, 'address' | 'family'>): boolean {
    if (end === nowhere) return false;
    const { address, family } = end;
    if (family === 'unix') return this.#unix;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const found = this.#list.check(address, family === 'IPv6' ? 'ipv6' : 'ipv4');
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(address, found);
    return found;
  }
}
