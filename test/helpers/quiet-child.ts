// For reuse_port.py: stops what connects to descriptor 3, says so, and goes on to hold it.
import { finishHandshakes } from '../../lib/sockets/own-queue.js';

await finishHandshakes([{ fd: 3, family: 'inet', display: 'fd://3', shared: false }]);
console.log('quiet');
process.stdin.resume();
