// Starts one fuzz target in this process: node start.cjs <target.node> [libFuzzer argument …]
const { resolve } = require('node:path');

require(resolve(process.argv[2] ?? '')).fuzz(process.argv.slice(3));
