import { readFileSync } from 'node:fs';
import { ChaussetteError } from '../errors.js';

/** Read `user`, `user:group` or `:group`; each a name or a number.
 *  @returns Numbers for chown(2); -1 leaves the user or the group as it is. A user alone brings its own group.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE for a name that /etc/passwd or /etc/group does not have. */
export function lookUpOwner(text: string): { readonly uid: number; readonly gid: number } {
  const [user = '', group] = text.split(':', 2);
  let uid = -1;
  let gid = -1;
  if (user !== '') {
    const found = entryOf('/etc/passwd', user, '--unix-owner', 'user');
    uid = found.id;
    if (group === undefined && found.fields[3] !== undefined) gid = Number(found.fields[3]);
  }
  if (group !== undefined && group !== '') gid = entryOf('/etc/group', group, '--unix-owner', 'group').id;
  return { uid, gid };
}

function entryOf(file: string, name: string, label: string, what: string): { id: number; fields: string[] } {
  if (/^\d+$/.test(name)) return { id: Number(name), fields: [] };
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const fields = line?.split(':') ?? [];
  if (fields[2] === undefined) {
    throw new ChaussetteError(
      'CHAUSSETTE_ERR_USAGE',
      `${label} names the ${what} ${name}, and ${file} has none`,
    );
  }
  return { id: Number(fields[2]), fields };
}
