import type { Option } from '../option-kinds.js';

export const otherOptions = {
  config: {
    kind: 'text',
    group: 'Other',
    unit: 'FILE',
    help: 'Read these options from a JSON, JSONC, JavaScript or TypeScript file.',
  },
  completion: {
    kind: 'text',
    group: 'Other',
    unit: 'SHELL',
    choices: ['bash', 'zsh', 'fish'],
    command: true,
    help: 'Print what makes bash, zsh or fish complete these options.',
  },
  check: {
    kind: 'flag',
    group: 'Other',
    default: false,
    command: true,
    help: 'Load and validate everything, bind nothing, and end.',
  },
  help: { kind: 'flag', group: 'Other', default: false, command: true, short: 'h', help: 'Print this.' },
  version: {
    kind: 'flag',
    group: 'Other',
    default: false,
    command: true,
    short: 'v',
    help: 'Print the version.',
  },
} as const satisfies Record<string, Option>;
