import { listBackends, resolveBackend } from './backends/registry.js';
import { wrap } from './help.js';

/** The text of `--list-backends`: what there is, what it can do, and which names mean it. */
export async function backendsText(): Promise<string> {
  const { backend: best } = await resolveBackend(undefined);
  const lines: string[] = [];
  for (const { name, aliases, capabilities, unavailable } of await listBackends()) {
    lines.push(name === best.name ? `${name} (the default)` : name);
    lines.push(
      ...wrap(unavailable === undefined ? capabilities.join(', ') : `not available: ${unavailable}`, 2),
    );
    if (aliases.length > 0) lines.push(...wrap(`also called ${aliases.join(', ')}`, 2));
  }
  lines.push('', ...wrap('--backend NAME also finds a package chaussette-backend-NAME.', 0), '');
  return lines.join('\n');
}
