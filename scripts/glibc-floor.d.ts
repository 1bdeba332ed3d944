/** @param table Output of `objdump -T`. @returns One line per symbol that is too new. */
export function tooNew(table: string): string[];
/** @returns The newest version of each library that the binary asks for. */
export function newest(table: string): string[];
