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
    const others = statusPlaces(options, activation);
    for (const { fd: each } of activated) {
      if (!others.some((other) => other.kind === 'fd' && other.fd === each))
        named.push({ kind: 'fd', fd: each });
    }
  }
  if (named.length === 0) named.push(parseHost(host ?? 'localhost', port ?? 8080));
  const places = named.flatMap((place) => withoutNames(place, activation));
  refuseMistakes(places, options);
  refuseTwice([...places, ...statusPlaces(options, activation)]);
  return places;
}

/** Where `--status` is; none when it is not asked for.
 *  @throws {ChaussetteError} as `placesOf`. */
export function statusPlaces({ status }: Options, activation: Activation): readonly Address[] {
  return status === undefined ? [] : withoutNames(parseAddress(status, '--status'), activation);
}

function withoutNames(place: Address, activation: Activation): readonly Address[] {
  if (place.kind !== 'systemd') return [place];
  return socketsNamed(activation, place.name).map((fd): FdAddress => ({ kind: 'fd', fd }));
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
  const needsStream = places.some((place) => !isFd(place));
  if (needsStream && socketType !== undefined && socketType !== 'SOCK_STREAM') {
    throw usage(`--socket-type is ${socketType}: HTTP needs SOCK_STREAM`);
  }
}

function refuseTwice(places: readonly Address[]): void {
  const fds = places.filter(isFd).map(({ fd }) => fd);
  const twice = fds.find((fd, index) => fds.indexOf(fd) !== index);
  if (twice !== undefined) throw usage(`fd ${twice} is given twice: once is enough`);
}

function isFd(address: Address): address is FdAddress {
  return address.kind === 'fd';
}

function usage(message: string): ChaussetteError {
  return new ChaussetteError('CHAUSSETTE_ERR_USAGE', message);
}
