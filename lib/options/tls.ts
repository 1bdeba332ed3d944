import type { Option } from '../option-kinds.js';

export const tlsOptions = {
  tlsCert: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    aliases: ['ssl-certificate'],
    help: 'Speak TLS with this certificate and its chain (PEM). SIGHUP reads all of these files again.',
  },
  tlsKey: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    aliases: ['ssl-private-key'],
    shown: 'in --tls-cert',
    help: 'Its private key (PEM).',
  },
  tlsSni: {
    kind: 'list',
    group: 'TLS',
    unit: 'HOST=CERT,KEY',
    default: [],
    help: 'Another certificate, for clients that ask for HOST or *.HOST. Repeatable.',
  },
  tlsCa: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    help: 'Who signs the certificates of clients (PEM).',
  },
  tlsVerify: {
    kind: 'text',
    group: 'TLS',
    unit: 'NAME',
    shown: 'required with --tls-ca',
    choices: ['none', 'optional', 'required'],
    help: 'Whether clients show a certificate: none, optional or required.',
  },
  tlsMinVersion: {
    kind: 'text',
    group: 'TLS',
    unit: 'VERSION',
    default: '1.2',
    choices: ['1.2', '1.3'],
    help: 'The oldest TLS that is spoken: 1.2 or 1.3.',
  },
  tlsCiphers: {
    kind: 'text',
    group: 'TLS',
    unit: 'LIST',
    shown: "Node's",
    help: "Ciphers in OpenSSL's format, separated by colons.",
  },
  tlsTicketKey: {
    kind: 'text',
    group: 'TLS',
    unit: 'FILE',
    shown: 'random',
    help: 'A secret of 32 bytes or more; workers that share it resume the sessions of each other.',
  },
} as const satisfies Record<string, Option>;
