import type { Option } from '../option-kinds.js';

export const proxiesOptions = {
  forwardedAllow: {
    kind: 'list',
    group: 'Proxies',
    unit: 'CIDR,…',
    default: [],
    shown: 'nobody',
    aliases: ['forwarded-allow-ips'],
    help: 'Whose X-Forwarded-* and Forwarded fields are believed: 10.0.0.0/8, ::1, unix, or *. Repeatable.',
  },
  proxyProtocol: {
    kind: 'list',
    group: 'Proxies',
    unit: 'CIDR,…',
    default: [],
    shown: 'nobody',
    help: 'Whose connections begin with a PROXY header, version 1 or 2; as above. Repeatable.',
  },
  rootPath: {
    kind: 'text',
    group: 'Proxies',
    unit: 'PATH',
    aliases: ['script-name'],
    help: 'Where a proxy shows the application: /shop. It becomes SCRIPT_NAME, or baseUrl.',
  },
} as const satisfies Record<string, Option>;
