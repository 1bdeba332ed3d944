// Which symbols of a prebuilt binary are newer than where it must load: on glibc 2.28 with the libstdc++ that Node's
// own binaries ask for (that of GCC 5.1). The list is what `objdump -T` prints.

const floors = { GLIBC: [2, 28], GLIBCXX: [3, 4, 21], CXXABI: [1, 3, 9], GCC: [3, 4] };

/** @param table Output of `objdump -T`. @returns One line per symbol that is too new: `fstat64 needs GLIBC_2.33`. */
export function tooNew(table) {
  return required(table)
    .filter(({ library, version }) => {
      const floor = floors[library];
      return floor === undefined || compare(version.split('.').map(Number), floor) > 0;
    })
    .map(({ symbol, library, version }) => `${symbol} needs ${library}_${version}`);
}

/** @returns The newest version of each library that the binary asks for: `GLIBC_2.28`. */
export function newest(table) {
  const found = new Map();
  for (const { library, version } of required(table)) {
    const parts = version.split('.').map(Number);
    if (!found.has(library) || compare(parts, found.get(library)) > 0) found.set(library, parts);
  }
  return [...found].map(([library, parts]) => `${library}_${parts.join('.')}`).sort();
}

function required(table) {
  const line = /\*UND\*\s+[0-9a-f]+\s+\(?([A-Z]+)_([0-9.]+)\)?\s+(\S+)/g;
  return [...table.matchAll(line)].map(([, library, version, symbol]) => ({ library, version, symbol }));
}

function compare(a, b) {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
