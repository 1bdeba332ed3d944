import type { Option } from '../option-kinds.js';

export const applicationOptions = {
  modulePath: {
    kind: 'paths',
    group: 'Application',
    unit: 'DIRS',
    default: [],
    aliases: ['python-path'],
    help: 'More directories to look for the application in, separated like PATH.',
  },
  mount: {
    kind: 'list',
    group: 'Application',
    unit: 'PATH=IMPORT',
    default: [],
    help: 'Another application, behind a prefix: /blog=blog.app. Repeatable; the longest prefix counts.',
  },
  preHook: {
    kind: 'text',
    group: 'Application',
    unit: 'IMPORT',
    help: 'Function to call with the options before the sockets are bound.',
  },
  postHook: {
    kind: 'text',
    group: 'Application',
    unit: 'IMPORT',
    help: 'Function to call with the options at the end, in any case.',
  },
  noMonkey: {
    kind: 'flag',
    group: 'Application',
    default: false,
    help: 'Leave node:http and the global Response as they are.',
  },
} as const satisfies Record<string, Option>;
