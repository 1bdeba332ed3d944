import * as application from './apps/nest-fastify.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
