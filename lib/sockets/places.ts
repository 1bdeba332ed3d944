import type { ListeningSocket } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import type { Options } from '../options.js';
import { type Address, parseAddress, parseHost } from './address.js';
import { adopt, checkInherited } from './inherit.js';
import { type Activation, socketsNamed } from './systemd.js';

type FdAddress = Extract<Address, { kind: 'fd' }>;

/** Where to serve. With nothing said, systemd's sockets come before the default.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, CHAUSSETTE_ERR_SOCKET for a name that systemd did not pass. */
export function placesOf(options: Options, activation: Activation): readonly Address[] {
  const { fd, bind, host, port } = options;
  const named: Address[] = fd === undefined ? [] : [{ kind: 'fd', fd }];
  for (const text of bind) named.push(parseAddress(text));
  if (named.length === 0) {
    const activated = host === undefined && port === undefined ? activation.sockets : [];
    for (const socket of activated) named.push({ kind: 'fd', fd: socket.fd });
  }
  if (named.length === 0) named.push(parseHost(host ?? 'localhost', port ?? 8080));
  const places = named.flatMap((place) =>
    place.kind === 'systemd'
      ? socketsNamed(activation, place.name).map((each): FdAddress => ({ kind: 'fd', fd: each }))
      : [place],
  );
  refuseMistakes(places, options);
  return places;
}

/** Take over the inherited ones of `places`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET. */
export function adoptAll(places: readonly Address[], options: Options): readonly ListeningSocket[] {
  return places.filter(isFd).map(({ fd }) => adopt(fd, options.backlog, options));
}

/** Check the inherited ones of `places`, and touch nothing.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET. */
export function checkAll(places: readonly Address[], options: Options): void {
  for (const { fd } of places.filter(isFd)) checkInherited(fd, options);
}

function refuseMistakes(places: readonly Address[], { socketType, addressFamily }: Options): void {
  if (addressFamily === 'AF_UNIX' && places.some(({ kind }) => kind === 'tcp')) {
    throw usage('--address-family is AF_UNIX: give a socket for it, such as --host unix:/run/web.sock');
  }
  const fds = places.filter(isFd).map(({ fd }) => fd);
  const twice = fds.find((fd, index) => fds.indexOf(fd) !== index);
  if (twice !== undefined) throw usage(`fd ${twice} is given twice: once is enough`);
  if (fds.length < places.length && socketType !== undefined && socketType !== 'SOCK_STREAM') {
    throw usage(`--socket-type is ${socketType}: HTTP needs SOCK_STREAM`);
  }
}

function isFd(address: Address): address is FdAddress {
  return address.kind === 'fd';
}

function usage(message: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message);
}
