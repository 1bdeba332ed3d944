import type { Backend, Capability } from './backends/backend.js';
import { isBackendName, resolveBackend } from './backends/registry.js';
import { ChaussetteError } from './errors.js';
import type { Options } from './options.js';
import type { Address } from './sockets/address.js';

/** The backend that the options ask for, or the best one; third-party packages are looked for in the working directory
 *  and the module path.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_BACKEND. */
export async function chooseBackend({
  backend: name,
  modulePath,
}: Options): Promise<{ backend: Backend; note?: string }> {
  if (name !== undefined && !isBackendName(name)) {
    const { registerPackage } = await import('./backend-package.js');
    await registerPackage(name, [process.cwd(), ...modulePath]);
  }
  return resolveBackend(name);
}

/** Refuse what the backend cannot do, before anything is bound or started.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE, naming option and capability. */
export function checkCapabilities(
  backend: Backend,
  options: Options,
  places: readonly Pick<Address, 'kind'>[],
): void {
  const needs: readonly (readonly [Capability, boolean, string])[] = [
    ['tls', options.tlsCert !== undefined, '--tls-cert'],
    ['proxy-protocol', options.proxyProtocol.length > 0, '--proxy-protocol'],
    ['threads', options.threads > 1, `--threads ${options.threads}`],
    ['unix', places.some(({ kind }) => kind === 'unix'), 'a Unix socket'],
    ['inherited-fd', places.some(({ kind }) => kind === 'fd'), 'an inherited socket'],
  ];
  const missing = needs.find(([capability, wanted]) => wanted && !backend.capabilities.includes(capability));
  if (missing === undefined) return;
  const [capability, , what] = missing;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_USAGE',
    `${what} needs a backend with the capability ${capability}, which ${backend.name} does not have`,
    {
      hint: `It has ${backend.capabilities.join(', ') || 'none'}. Choose another one: chaussette --list-backends.`,
    },
  );
}
