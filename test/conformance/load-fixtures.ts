import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fixture, parseFixture } from '../helpers/fixture.js';

const directory = fileURLToPath(new URL('fixtures', import.meta.url));

/** Every fixture, in the order of the paths. @throws {Error} with path and line for a mistake in one. */
export function loadFixtures(): Fixture[] {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.http'),
  );
  return paths.sort().map((path) => parseFixture(path, readFileSync(join(directory, path), 'utf8')));
}
