import * as application from './apps/nest-express.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
