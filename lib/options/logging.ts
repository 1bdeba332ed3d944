import type { Option } from '../option-kinds.js';

export const loggingOptions = {
  logLevel: {
    kind: 'text',
    group: 'Logging',
    unit: 'LEVEL',
    default: 'info',
    choices: ['debug', 'info', 'warning', 'error', 'critical'],
    help: 'debug, info, warning, error or critical.',
  },
  logOutput: {
    kind: 'text',
    group: 'Logging',
    unit: 'FILE',
    default: '-',
    help: 'Append to this file; - is standard error. SIGHUP opens it again.',
  },
  accessLog: {
    kind: 'text',
    group: 'Logging',
    unit: 'FILE',
    shown: 'none',
    help: 'Append a line for each request to this file; - is standard output. SIGHUP opens it again.',
  },
  accessLogFormat: {
    kind: 'text',
    group: 'Logging',
    unit: 'FORMAT',
    default: 'combined',
    help: "common, combined, json, or of gunicorn's atoms: '%(h)s %(r)s %(s)s %(D)s'.",
  },
  logFormat: {
    kind: 'text',
    group: 'Logging',
    unit: 'NAME',
    default: 'text',
    choices: ['text', 'json'],
    help: 'text or json, one line each.',
  },
} as const satisfies Record<string, Option>;
