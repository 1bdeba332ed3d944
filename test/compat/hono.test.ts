import * as application from './apps/hono.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
