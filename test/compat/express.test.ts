import * as application from './apps/express.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
