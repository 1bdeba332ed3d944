import { pathToFileURL } from 'node:url';
import { Places } from './app/resolve.js';
import { allCapabilities, type Backend, type Capability } from './backends/backend.js';
import { registerBackend } from './backends/registry.js';

/** The default export of a package `chaussette-backend-NAME`, which `--backend NAME` finds. */
export type BackendPackage = Omit<Backend, 'name'>;

/** Register the package that `--backend NAME` means, when there is one.
 *  @param directories Where to look for it: the first that has it. */
export async function registerPackage(name: string, directories: readonly string[]): Promise<void> {
  const places = new Places();
  for (const directory of directories) {
    const file = places.findPackage(`chaussette-backend-${name}`, directory);
    if (file === undefined) continue;
    try {
      const { capabilities, start } = checked(file, await import(pathToFileURL(file).href));
      registerBackend(name, () => ({ start }), capabilities);
    } catch (error) {
      registerBackend(name, () => Promise.reject(error), []);
    }
    return;
  }
}

function checked(file: string, module: { readonly default?: unknown }): BackendPackage {
  const { default: exported } = module;
  if (isBackend(exported)) {
    return { capabilities: exported.capabilities, start: exported.start.bind(exported) };
  }
  const names = allCapabilities.join(', ');
  throw new Error(
    `the default export of ${file} must be { capabilities, start }, with capabilities of ${names}`,
  );
}

function isBackend(value: unknown): value is BackendPackage {
  if (typeof value !== 'object' || value === null) return false;
  const { capabilities, start } = value as { capabilities?: unknown; start?: unknown };
  const isKnown = (name: unknown): boolean => allCapabilities.includes(name as Capability);
  return typeof start === 'function' && Array.isArray(capabilities) && capabilities.every(isKnown);
}
