import type { Endpoint } from '../exchange.js';
import { nowhere } from '../proxies/ends.js';
import { addon } from './layout.js';

/** Both ends of a connection. Asking the kernel costs a microsecond, so that the answer is kept. */
class Ends {
  readonly serial: number;
  remote: Endpoint | undefined;
  local: Endpoint | undefined;

  constructor(serial: number) {
    this.serial = serial;
  }
}

// Direct-mapped by the serial number of the connection: what is pushed out is asked for again.
const slots = 4096;
const kept: (Ends | undefined)[] = new Array(slots).fill(undefined);

function ends(serial: number): Ends {
  const slot = serial % slots;
  const found = kept[slot];
  if (found !== undefined && found.serial === serial) return found;
  const fresh = new Ends(serial);
  kept[slot] = fresh;
  return fresh;
}

function ask(serial: number, local: boolean): Endpoint | undefined {
  const found = addon.endpoint(serial, local);
  return found === undefined ? undefined : { address: found[0], port: found[1], family: found[2] };
}

/** The client's end. @param serial Of the connection. */
export function remoteEnd(serial: number): Endpoint {
  const both = ends(serial);
  both.remote ??= ask(serial, false);
  return both.remote ?? nowhere;
}

/** Our end. */
export function localEnd(serial: number): Endpoint {
  const both = ends(serial);
  both.local ??= ask(serial, true);
  return both.local ?? nowhere;
}
