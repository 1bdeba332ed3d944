import type { Option } from '../option-kinds.js';

const backlogMax = 65_535;

export const socketsOptions = {
  host: {
    kind: 'text',
    group: 'Sockets',
    unit: 'HOST',
    shown: 'localhost',
    help: 'Bind to this host; localhost is both loopbacks. Also unix:/PATH and fd://N.',
  },
  port: {
    kind: 'integer',
    group: 'Sockets',
    unit: 'PORT',
    shown: '8080',
    min: 0,
    max: 65_535,
    help: 'Bind to this TCP port; 0 for any free one.',
  },
  fd: {
    kind: 'descriptor',
    group: 'Sockets',
    unit: 'N',
    help: 'Serve on this inherited descriptor; 0 is one like any other.',
  },
  bind: {
    kind: 'list',
    group: 'Sockets',
    unit: 'ADDR',
    default: [],
    help: 'HOST:PORT, [::1]:PORT, unix:/PATH, fd://N or sd:NAME (systemd). Repeatable.',
  },
  backlog: {
    kind: 'integer',
    group: 'Sockets',
    unit: 'N',
    default: 2048,
    min: 1,
    max: backlogMax,
    help: 'Connections that may wait on a socket that we bind.',
  },
  addressFamily: {
    kind: 'text',
    group: 'Sockets',
    unit: 'NAME',
    choices: ['AF_INET', 'AF_INET6', 'AF_UNIX'],
    help: 'AF_INET, AF_INET6 or AF_UNIX; an inherited socket must be of it.',
  },
  socketType: {
    kind: 'text',
    group: 'Sockets',
    unit: 'NAME',
    choices: ['SOCK_STREAM', 'SOCK_DGRAM', 'SOCK_SEQPACKET', 'SOCK_RAW'],
    help: 'An inherited socket must be of this type. HTTP needs SOCK_STREAM.',
  },
  umask: {
    kind: 'octal',
    group: 'Sockets',
    unit: 'MASK',
    help: 'File mode creation mask for Unix sockets that we bind.',
  },
  unixMode: {
    kind: 'octal',
    group: 'Sockets',
    unit: 'MODE',
    help: 'Permissions of Unix sockets that we bind, such as 660.',
  },
  unixOwner: {
    kind: 'text',
    group: 'Sockets',
    unit: 'USER[:GROUP]',
    help: 'Owner of Unix sockets that we bind; names or numbers.',
  },
} as const satisfies Record<string, Option>;
