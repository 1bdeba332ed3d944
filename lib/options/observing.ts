import type { Option } from '../option-kinds.js';

export const observingOptions = {
  status: {
    kind: 'text',
    group: 'Observing',
    unit: 'ADDR',
    help: 'Answer /health, /metrics and a status page there; ADDR as with --bind. Each process needs its own: port 0, or unix:.',
  },
} as const satisfies Record<string, Option>;
