import * as application from './apps/fastify.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
